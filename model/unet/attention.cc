#include "model/unet/attention.h"

#include <ATen/ATen.h>

namespace darkroom {
namespace {

constexpr int64_t kWidening = 4;

at::Tensor TakeQueryKeyValue(int64_t width, const WeightScope& weights) {
  std::vector<at::Tensor> parts;
  for (const char* name : {"to_q", "to_k", "to_v"}) {
    parts.push_back(weights.Scope(name).Take("weight", {width, width}));
  }
  for (const at::Tensor& part : parts) {
    if (!part.defined()) return {};  // The scope's Weights will tell.
  }
  return at::cat(parts);
}

}  // namespace

SelfAttention::SelfAttention(int64_t width, int64_t heads, bool float8, const WeightScope& weights)
    : heads_(heads),
      query_key_value_(TakeQueryKeyValue(width, weights), /*bias=*/{}, float8),
      out_(weights.Scope("to_out.0"), width, width, float8) {}

at::Tensor SelfAttention::Forward(const at::Tensor& tokens) const {
  const std::vector<at::Tensor> parts = query_key_value_.Forward(tokens).chunk(3, -1);
  return out_.Forward(JoinHeads(at::scaled_dot_product_attention(
      SplitHeads(parts[0], heads_), SplitHeads(parts[1], heads_), SplitHeads(parts[2], heads_))));
}

// Of the prompt it takes once for an image: nothing is won there by float8.
CrossAttention::CrossAttention(int64_t width, int64_t context_width, int64_t heads, bool float8,
                               const WeightScope& weights)
    : heads_(heads),
      query_(weights.Scope("to_q"), width, width, float8, /*has_bias=*/false),
      key_(weights.Scope("to_k"), context_width, width, /*has_bias=*/false),
      value_(weights.Scope("to_v"), context_width, width, /*has_bias=*/false),
      out_(weights.Scope("to_out.0"), width, width, float8) {}

CrossAttention::Prompt CrossAttention::Prepare(const at::Tensor& context) const {
  return {SplitHeads(key_.Forward(context), heads_), SplitHeads(value_.Forward(context), heads_)};
}

at::Tensor CrossAttention::Forward(const at::Tensor& tokens, const Prompt& prompt) const {
  return out_.Forward(JoinHeads(at::scaled_dot_product_attention(
      SplitHeads(query_.Forward(tokens), heads_), prompt.keys, prompt.values)));
}

GatedFeedForward::GatedFeedForward(int64_t width, bool float8, const WeightScope& weights)
    : widen_(weights.Scope("net.0.proj"), width, 2 * kWidening * width, float8),
      narrow_(weights.Scope("net.2"), kWidening * width, width, float8) {}

at::Tensor GatedFeedForward::Forward(const at::Tensor& tokens) const {
  return narrow_.Forward(Geglu(widen_.Forward(tokens)));
}

}  // namespace darkroom
