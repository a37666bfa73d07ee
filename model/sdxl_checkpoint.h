#ifndef DARKROOM_MODEL_SDXL_CHECKPOINT_H_
#define DARKROOM_MODEL_SDXL_CHECKPOINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "model/sampling/scheduler.h"
#include "model/text/prompt_encoder.h"
#include "model/unet/unet.h"
#include "model/vae/vae_decoder.h"

namespace darkroom {

// Every part of a Stable Diffusion XL checkpoint folder in the diffusers layout.
struct SdxlCheckpoint {
  std::string id;                         // The folder's name.
  bool zeros_for_absent_negative = true;  // force_zeros_for_empty_prompt
  PromptEncoder prompts;
  UNet unet;
  VaeDecoder vae;
  Scheduler scheduler;

  // NOT_FOUND or INVALID_ARGUMENT naming the file and what is wrong with it. Torch's exceptions
  // pass.
  static absl::StatusOr<SdxlCheckpoint> Load(const std::string& folder);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SDXL_CHECKPOINT_H_
