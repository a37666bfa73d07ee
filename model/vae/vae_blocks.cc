#include "model/vae/vae_blocks.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

// Checkpoints of before diffusers 0.15 call the projections otherwise.
WeightScope Projection(const WeightScope& weights, const char* name, const char* old_name) {
  return weights.Scope(weights.Has(absl::StrCat(old_name, ".weight")) ? old_name : name);
}

}  // namespace

ResnetBlock::Shape VaeResnetShape(const VaeConfig& config, int64_t in, int64_t out) {
  return {.in = in, .out = out, .groups = config.groups, .epsilon = kVaeEpsilon};
}

VaeAttention::VaeAttention(const VaeConfig& config, const WeightScope& weights)
    : norm_(weights.Scope("group_norm"), config.groups, config.channels.back(), kVaeEpsilon),
      query_(Projection(weights, "to_q", "query"), config.channels.back(), config.channels.back()),
      key_(Projection(weights, "to_k", "key"), config.channels.back(), config.channels.back()),
      value_(Projection(weights, "to_v", "value"), config.channels.back(), config.channels.back()),
      out_(Projection(weights, "to_out.0", "proj_attn"), config.channels.back(),
           config.channels.back()) {}

at::Tensor VaeAttention::Forward(const at::Tensor& x) const {
  const at::Tensor tokens =
      norm_.Forward(x).flatten(2).transpose(1, 2);  // [images, h * w, channels]
  const auto one_head = [](const at::Tensor& t) { return t.unsqueeze(1); };
  const at::Tensor attended = at::scaled_dot_product_attention(one_head(query_.Forward(tokens)),
                                                               one_head(key_.Forward(tokens)),
                                                               one_head(value_.Forward(tokens)));
  return x + out_.Forward(attended.squeeze(1)).transpose(1, 2).reshape(x.sizes());
}

VaeMidBlock::VaeMidBlock(const VaeConfig& config, const WeightScope& weights)
    : first_(VaeResnetShape(config, config.channels.back(), config.channels.back()),
             weights.Scope("resnets.0")),
      second_(VaeResnetShape(config, config.channels.back(), config.channels.back()),
              weights.Scope("resnets.1")) {
  if (config.mid_attention) attention_.emplace(config, weights.Scope("attentions.0"));
}

at::Tensor VaeMidBlock::Forward(const at::Tensor& x) const {
  const at::Tensor h = first_.Forward(x, /*time=*/{});
  return second_.Forward(attention_ ? attention_->Forward(h) : h, /*time=*/{});
}

}  // namespace darkroom
