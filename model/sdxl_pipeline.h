#ifndef DARKROOM_MODEL_SDXL_PIPELINE_H_
#define DARKROOM_MODEL_SDXL_PIPELINE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "model/dtype.h"
#include "model/image_generator.h"

namespace darkroom {

struct SdxlOptions {
  // The GPU that computes, by its number; absent: the CPU.
  std::optional<int> gpu;
  int threads = 0;  // That work on each call; 0: as many as there are cores.
  Dtype dtype = Dtype::kFloat32;
  // Not kFloat8. Absent: float32 where the checkpoint has force_upcast, else dtype, or kFloat16 for
  // kFloat8.
  std::optional<Dtype> vae_dtype;
  // 0: a pass is as large as its rows, and a row's rounding depends on how many there are.
  // Above 0: every UNet pass has exactly two samples for each of so many rows, whether there are
  // rows for them or not (a row without guidance takes one); text encoders take one prompt at a
  // time and the VAE one image. Then an image has the same bits alone, in company, and at any place
  // in the pass. A Step of more rows is INVALID_ARGUMENT.
  int padded_rows = 0;
};

// Loads a Stable Diffusion XL checkpoint folder in the diffusers layout.
//
// The generator's images are those of diffusers' StableDiffusionXLPipeline or, with an image,
// StableDiffusionXLImg2ImgPipeline, called once for each with
// `torch.Generator(device).manual_seed(seed)`. In float16 and bfloat16 latents and samplers stay in
// float32, where diffusers rounds them too; float8 is not diffusers', only near its float16.
//
// With a GPU, call it before torch is used otherwise: see LoadCudaModule, whose errors it passes
// on. NOT_FOUND or INVALID_ARGUMENT when the folder is no such checkpoint, naming the file;
// INTERNAL and RESOURCE_EXHAUSTED from torch.
absl::StatusOr<std::unique_ptr<ImageGenerator>> LoadSdxlPipeline(const std::string& folder,
                                                                 const SdxlOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SDXL_PIPELINE_H_
