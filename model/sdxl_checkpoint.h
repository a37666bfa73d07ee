#ifndef DARKROOM_MODEL_SDXL_CHECKPOINT_H_
#define DARKROOM_MODEL_SDXL_CHECKPOINT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "model/dtype.h"
#include "model/sampling/scheduler.h"
#include "model/text/prompt_encoder.h"
#include "model/unet/unet.h"
#include "model/vae/vae.h"

namespace darkroom {

// Every part of a Stable Diffusion XL checkpoint folder in the diffusers layout.
struct SdxlCheckpoint {
  std::string id;                         // The folder's name.
  std::string hash;                       // See HashCheckpoint.
  bool zeros_for_absent_negative = true;  // force_zeros_for_empty_prompt
  Dtype dtype, vae_dtype;                 // What the networks and the VAE compute in.
  PromptEncoder prompts;
  UNet unet;
  Vae vae;
  // For images that overflow the range of `vae`; absent where that is float32.
  std::optional<Vae> exact_vae;
  Scheduler scheduler;

  // Networks lie on `device` and compute in `dtype`, the VAE in `vae_dtype`; absent: float32 where
  // its configuration has force_upcast, else `dtype`. NOT_FOUND or INVALID_ARGUMENT naming the file
  // and what is wrong with it. Torch's exceptions pass.
  static absl::StatusOr<SdxlCheckpoint> Load(const std::string& folder, at::Device device,
                                             Dtype dtype, std::optional<Dtype> vae_dtype);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SDXL_CHECKPOINT_H_
