#ifndef DARKROOM_SERVER_FIELD_RULES_H_
#define DARKROOM_SERVER_FIELD_RULES_H_

#include <cstdint>
#include <optional>

#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/request_checks.h"

namespace darkroom {

// What one request may ask for, at most, and gets where it does not say.
struct RequestRules {
  int64_t max_pixels = 2097152;  // Of one image.
  int max_images = 16;
  int max_steps = 150;
  GeneratorDevice generator_device = GeneratorDevice::kCpu;
};

inline constexpr uint32_t kDefaultSteps = 20;
inline constexpr double kDefaultGuidanceScale = 5.0;  // StableDiffusionXLPipeline's.
inline constexpr double kDefaultStrength = 0.3;       // StableDiffusionXLImg2ImgPipeline's.

// Of the scheduler that the request names, or `fallback`.
SchedulerType ToSchedulerType(v1::Scheduler scheduler, SchedulerType fallback);

// The size of an image where the request does not say: that of its init_image, where it has a
// readable one, rounded down to the model's multiple, or else the model's.
ImageSize DefaultSize(const std::optional<ImageSize>& init_size, const ModelInfo& model);

// Holds every field of the request to its rules. `init_size` as above.
void CheckFields(const v1::GenerateImagesRequest& request,
                 const std::optional<ImageSize>& init_size, const ModelInfo& model,
                 const RequestRules& rules, RequestChecks& checks);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_FIELD_RULES_H_
