#include "model/unet/transformer.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr double kGroupNormEpsilon = 1e-6;
constexpr double kLayerNormEpsilon = 1e-5;

// [samples, channels, h, w] -> [samples, h * w, channels].
at::Tensor ToTokens(const at::Tensor& x) { return x.flatten(2).transpose(1, 2); }

// The reverse, into the shape of `like`.
at::Tensor ToPixels(const at::Tensor& tokens, const at::Tensor& like) {
  return tokens.transpose(1, 2).reshape({like.size(0), -1, like.size(2), like.size(3)});
}

}  // namespace

Transformer::Layer::Layer(const Shape& shape, const WeightScope& weights)
    : norm1_(weights.Scope("norm1"), shape.width, kLayerNormEpsilon),
      norm2_(weights.Scope("norm2"), shape.width, kLayerNormEpsilon),
      norm3_(weights.Scope("norm3"), shape.width, kLayerNormEpsilon),
      self_(shape.width, shape.heads, shape.float8, weights.Scope("attn1")),
      cross_(shape.width, shape.context_width, shape.heads, shape.float8, weights.Scope("attn2")),
      feed_forward_(shape.width, shape.float8, weights.Scope("ff")) {}

at::Tensor Transformer::Layer::Forward(at::Tensor tokens,
                                       const CrossAttention::Prompt& prompt) const {
  at::Tensor& x = tokens;
  const at::Tensor normed = norm2_.AddForward(x, self_.Forward(norm1_.Forward(x)));
  const at::Tensor normed_2 = norm3_.AddForward(x, cross_.Forward(normed, prompt));
  return x + feed_forward_.Forward(normed_2);
}

Transformer::Transformer(const Shape& shape, const WeightScope& weights)
    : norm_(weights.Scope("norm"), shape.groups, shape.width, kGroupNormEpsilon) {
  const WeightScope in = weights.Scope("proj_in");
  const WeightScope out = weights.Scope("proj_out");
  if (shape.linear_projection) {
    linear_in_.emplace(in, shape.width, shape.width, shape.float8);
    linear_out_.emplace(out, shape.width, shape.width, shape.float8);
  } else {
    conv_in_.emplace(in, shape.width, shape.width, kConv1x1);
    conv_out_.emplace(out, shape.width, shape.width, kConv1x1);
  }
  for (int64_t i = 0; i < shape.layers; ++i) {
    layers_.emplace_back(shape, weights.Scope(absl::StrCat("transformer_blocks.", i)));
  }
}

void Transformer::Prepare(const at::Tensor& context,
                          std::vector<CrossAttention::Prompt>& prompts) const {
  for (const Layer& layer : layers_) prompts.push_back(layer.Prepare(context));
}

at::Tensor Transformer::Forward(const at::Tensor& x, PreparedPrompts& prompts) const {
  const at::Tensor normed = norm_.Forward(x);
  at::Tensor tokens =
      linear_in_ ? linear_in_->Forward(ToTokens(normed)) : ToTokens(conv_in_->Forward(normed));
  for (const Layer& layer : layers_) tokens = layer.Forward(tokens, prompts.Next());
  const at::Tensor pixels = linear_out_ ? ToPixels(linear_out_->Forward(tokens), x)
                                        : conv_out_->Forward(ToPixels(tokens, x));
  return x + pixels;
}

}  // namespace darkroom
