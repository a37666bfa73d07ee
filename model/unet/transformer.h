#ifndef DARKROOM_MODEL_UNET_TRANSFORMER_H_
#define DARKROOM_MODEL_UNET_TRANSFORMER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/attention.h"

namespace darkroom {

// Lets every pixel attend to all others and to the prompt; diffusers' Transformer2DModel.
class Transformer {
 public:
  struct Shape {
    int64_t width = 0;          // Channels.
    int64_t context_width = 0;  // Of the prompt embedding.
    int64_t heads = 1;
    int64_t layers = 1;
    int64_t groups = 32;
    bool float8 = false;             // Of TokenLinear.
    bool linear_projection = false;  // Channels are projected as tokens, else by a 1x1 convolution.
  };
  Transformer(const Shape& shape, const WeightScope& weights);

  // Appends what each layer takes of the prompts: [samples, length, context_width].
  void Prepare(const at::Tensor& context, std::vector<CrossAttention::Prompt>& prompts) const;

  // x: [samples, width, h, w]; the same shape returns.
  at::Tensor Forward(const at::Tensor& x, PreparedPrompts& prompts) const;

 private:
  // diffusers' BasicTransformerBlock.
  class Layer {
   public:
    Layer(const Shape& shape, const WeightScope& weights);
    CrossAttention::Prompt Prepare(const at::Tensor& context) const {
      return cross_.Prepare(context);
    }
    // tokens: [samples, n, width], whose place the result may take; the same shape returns.
    at::Tensor Forward(at::Tensor tokens, const CrossAttention::Prompt& prompt) const;

   private:
    LayerNorm norm1_, norm2_, norm3_;
    SelfAttention self_;
    CrossAttention cross_;
    GatedFeedForward feed_forward_;
  };

  GroupNorm norm_;
  std::optional<TokenLinear> linear_in_, linear_out_;
  std::optional<Conv2d> conv_in_, conv_out_;
  std::vector<Layer> layers_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_TRANSFORMER_H_
