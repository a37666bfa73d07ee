#ifndef DARKROOM_MODEL_SDXL_PIPELINE_H_
#define DARKROOM_MODEL_SDXL_PIPELINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/image_generator.h"

namespace darkroom {

// Loads a Stable Diffusion XL checkpoint folder in the diffusers layout, on the CPU in float32.
// `threads` compute threads work on each call; 0: as many as there are cores.
//
// The generator's images are those of diffusers' StableDiffusionXLPipeline, called once for each
// image with `torch.Generator("cpu").manual_seed(seed)`. NOT_FOUND or INVALID_ARGUMENT when the
// folder is no such checkpoint, naming the file; INTERNAL and RESOURCE_EXHAUSTED from torch.
absl::StatusOr<std::unique_ptr<ImageGenerator>> LoadSdxlPipeline(const std::string& folder,
                                                                 int threads);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SDXL_PIPELINE_H_
