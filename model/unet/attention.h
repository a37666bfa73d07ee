#ifndef DARKROOM_MODEL_UNET_ATTENTION_H_
#define DARKROOM_MODEL_UNET_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/checkpoint/weights.h"
#include "model/layers.h"

namespace darkroom {

// Multi-head attention of tokens over a context (diffusers' Attention); with itself as its context
// it is self-attention.
class Attention {
 public:
  Attention(int64_t width, int64_t context_width, int64_t heads, const WeightScope& weights);

  // tokens: [samples, n, width], context: [samples, m, context_width] -> [samples, n, width].
  at::Tensor Forward(const at::Tensor& tokens, const at::Tensor& context) const;

 private:
  int64_t heads_;
  Linear query_, key_, value_, out_;
};

// Widens, gates by GELU, narrows (diffusers' FeedForward with GEGLU; arXiv 2002.05202).
class GatedFeedForward {
 public:
  GatedFeedForward(int64_t width, const WeightScope& weights);

  // tokens: [samples, n, width]; the same shape returns.
  at::Tensor Forward(const at::Tensor& tokens) const;

 private:
  Linear widen_, narrow_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_ATTENTION_H_
