#ifndef DARKROOM_MODEL_TEXT_PROMPT_ENCODER_H_
#define DARKROOM_MODEL_TEXT_PROMPT_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/text/clip_tokenizer.h"
#include "model/text/text_encoder.h"

namespace darkroom {

// What the UNet is told of a prompt.
struct PromptEmbedding {
  at::Tensor tokens;  // Both encoders' hidden states side by side: [length, width].
  at::Tensor pooled;  // The second encoder's: [projection].
  int truncated = 0;  // Tokens cut from the longer text.
};

// One prompt, a text for each encoder.
struct PromptTexts {
  std::string first;
  std::string second;
  int clip_skip = 0;  // Layers to skip beyond the last, which always is.

  auto operator<=>(const PromptTexts&) const = default;
};

// SDXL's pair of tokenizers and text encoders (StableDiffusionXLPipeline.encode_prompt).
class PromptEncoder {
 public:
  // Reads tokenizer, tokenizer_2, text_encoder and text_encoder_2 of a checkpoint folder.
  static absl::StatusOr<PromptEncoder> Load(const std::string& checkpoint,
                                            const at::TensorOptions& placement);

  // All prompts in one pass of each encoder, in order, on their device.
  std::vector<PromptEmbedding> Encode(std::span<const PromptTexts> prompts) const;

  // The embedding that stands for "no prompt" where the checkpoint wants zeros.
  PromptEmbedding Zeros() const;

  at::Device device() const { return device_; }
  int64_t width() const { return width_; }
  int64_t projection() const { return projection_; }
  // The largest clip_skip that both encoders have layers for.
  int64_t max_clip_skip() const {
    return std::min(first_.encoder.layers(), second_.encoder.layers()) - 1;
  }

 private:
  struct Tower {
    ClipTokenizer tokenizer;
    TextEncoder encoder;
  };

  PromptEncoder(Tower first, Tower second, int64_t width, int64_t projection, at::Device device);

  Tower first_, second_;
  int64_t width_, projection_;
  at::Device device_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_PROMPT_ENCODER_H_
