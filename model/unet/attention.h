#ifndef DARKROOM_MODEL_UNET_ATTENTION_H_
#define DARKROOM_MODEL_UNET_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/token_linear.h"

namespace darkroom {

// Multi-head attention of tokens over themselves (diffusers' Attention).
class SelfAttention {
 public:
  // `float8`: what TokenLinear takes, here and below.
  SelfAttention(int64_t width, int64_t heads, bool float8, const WeightScope& weights);

  // tokens: [samples, n, width]; the same shape returns.
  at::Tensor Forward(const at::Tensor& tokens) const;

 private:
  int64_t heads_;
  TokenLinear query_key_value_;  // The three, one after the other: [width] -> [3 * width].
  TokenLinear out_;
};

// Multi-head attention of tokens over a prompt (diffusers' Attention). What it takes of the prompt
// is the same at every step.
class CrossAttention {
 public:
  // [samples, heads, length, width / heads] each.
  struct Prompt {
    at::Tensor keys, values;
  };

  CrossAttention(int64_t width, int64_t context_width, int64_t heads, bool float8,
                 const WeightScope& weights);

  // context: [samples, length, context_width].
  Prompt Prepare(const at::Tensor& context) const;

  // tokens: [samples, n, width]; the same shape returns.
  at::Tensor Forward(const at::Tensor& tokens, const Prompt& prompt) const;

 private:
  int64_t heads_;
  TokenLinear query_;
  Linear key_, value_;
  TokenLinear out_;
};

// Hands out what was prepared for each cross-attention of a network, in the order of the layers;
// one for each forward pass. Borrows the prompts.
class PreparedPrompts {
 public:
  explicit PreparedPrompts(const std::vector<CrossAttention::Prompt>& prompts)
      : prompts_(prompts) {}

  const CrossAttention::Prompt& Next() { return prompts_.at(next_++); }

 private:
  const std::vector<CrossAttention::Prompt>& prompts_;
  size_t next_ = 0;
};

// Widens, gates by GELU, narrows (diffusers' FeedForward with GEGLU; arXiv 2002.05202).
class GatedFeedForward {
 public:
  GatedFeedForward(int64_t width, bool float8, const WeightScope& weights);

  // tokens: [samples, n, width]; the same shape returns.
  at::Tensor Forward(const at::Tensor& tokens) const;

 private:
  TokenLinear widen_, narrow_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_ATTENTION_H_
