#include "model/unet/attention.h"

#include <ATen/ATen.h>

namespace darkroom {
namespace {

constexpr int64_t kWidening = 4;

}  // namespace

Attention::Attention(int64_t width, int64_t context_width, int64_t heads,
                     const WeightScope& weights)
    : heads_(heads),
      query_(weights.Scope("to_q"), width, width, /*has_bias=*/false),
      key_(weights.Scope("to_k"), context_width, width, /*has_bias=*/false),
      value_(weights.Scope("to_v"), context_width, width, /*has_bias=*/false),
      out_(weights.Scope("to_out.0"), width, width) {}

at::Tensor Attention::Forward(const at::Tensor& tokens, const at::Tensor& context) const {
  const auto split = [&](const at::Tensor& t) {  // -> [samples, heads, length, width / heads]
    return t.unflatten(-1, {heads_, -1}).transpose(1, 2);
  };
  const at::Tensor attended = at::scaled_dot_product_attention(
      split(query_.Forward(tokens)), split(key_.Forward(context)), split(value_.Forward(context)));
  return out_.Forward(attended.transpose(1, 2).flatten(2));
}

GatedFeedForward::GatedFeedForward(int64_t width, const WeightScope& weights)
    : widen_(weights.Scope("net.0.proj"), width, 2 * kWidening * width),
      narrow_(weights.Scope("net.2"), kWidening * width, width) {}

at::Tensor GatedFeedForward::Forward(const at::Tensor& tokens) const {
  const std::vector<at::Tensor> halves = widen_.Forward(tokens).chunk(2, -1);
  return narrow_.Forward(halves[0] * Gelu(halves[1]));
}

}  // namespace darkroom
