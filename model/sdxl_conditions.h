#ifndef DARKROOM_MODEL_SDXL_CONDITIONS_H_
#define DARKROOM_MODEL_SDXL_CONDITIONS_H_

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "model/image_generator.h"
#include "model/text/prompt_cache.h"

namespace darkroom {

// One half of a row's guidance: what the UNet is told of the wanted, or of the unwanted, image.
struct Condition {
  PromptEmbedding prompt;
  at::Tensor time_ids;  // Micro-conditioning: [6].
};

struct Conditions {
  Condition positive;
  std::optional<Condition> negative;  // Absent: no guidance.

  int truncated_tokens() const {
    return std::max(positive.prompt.truncated, negative ? negative->prompt.truncated : 0);
  }
};

// The conditions of each request, in order (StableDiffusionXLPipeline.encode_prompt and
// _get_add_time_ids). A request without a negative prompt has zeros for its embedding where the
// checkpoint wants that.
std::vector<Conditions> MakeConditions(PromptCache& prompts, bool zeros_for_absent_negative,
                                       std::span<const ImageRequest* const> requests);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SDXL_CONDITIONS_H_
