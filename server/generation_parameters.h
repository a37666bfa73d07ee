#ifndef DARKROOM_SERVER_GENERATION_PARAMETERS_H_
#define DARKROOM_SERVER_GENERATION_PARAMETERS_H_

#include <vector>

#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/codec/image_text.h"

namespace darkroom {

// The scheduler as the wire and as the AUTOMATIC1111 web UI call it.
struct SchedulerName {
  v1::Scheduler scheduler;
  const char* web_ui;
};
SchedulerName NameOf(SchedulerType type);

// The device whose random numbers are used, as the wire and as torch call it.
struct GeneratorName {
  v1::GeneratorDevice device;
  const char* torch;
};
GeneratorName NameOf(GeneratorDevice device);

// What an image file says of its making: `parameters` in the layout of the AUTOMATIC1111 web UI,
// which many tools read, and `darkroom`, a JSON object with the whole request that makes this image
// again, its defaults resolved, and model, generator device and dtype. The bytes of an init_image
// are left out.
std::vector<ImageText> DescribeImage(const v1::GenerateImagesRequest& request,
                                     const ImageRequest& image, const ModelInfo& model);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_PARAMETERS_H_
