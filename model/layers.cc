#include "model/layers.h"

#include <ATen/ATen.h>

namespace darkroom {

Linear::Linear(const WeightScope& weights, int64_t in, int64_t out, bool has_bias)
    : weight_(weights.Take("weight", {out, in})) {
  if (has_bias) bias_ = weights.Take("bias", {out});
}

at::Tensor Linear::Forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

Conv2d::Conv2d(const WeightScope& weights, int64_t in, int64_t out, const Shape& shape)
    : shape_(shape),
      weight_(weights.Take("weight", {out, in, shape.kernel, shape.kernel})),
      bias_(weights.Take("bias", {out})) {}

at::Tensor Conv2d::Forward(const at::Tensor& x) const {
  return at::conv2d(x, weight_, bias_, {shape_.stride, shape_.stride},
                    {shape_.padding, shape_.padding});
}

GroupNorm::GroupNorm(const WeightScope& weights, int64_t groups, int64_t channels, double epsilon)
    : groups_(groups),
      epsilon_(epsilon),
      weight_(weights.Take("weight", {channels})),
      bias_(weights.Take("bias", {channels})) {}

at::Tensor GroupNorm::Forward(const at::Tensor& x) const {
  return at::group_norm(x, groups_, weight_, bias_, epsilon_);
}

LayerNorm::LayerNorm(const WeightScope& weights, int64_t channels, double epsilon)
    : channels_(channels),
      epsilon_(epsilon),
      weight_(weights.Take("weight", {channels})),
      bias_(weights.Take("bias", {channels})) {}

at::Tensor LayerNorm::Forward(const at::Tensor& x) const {
  return at::layer_norm(x, {channels_}, weight_, bias_, epsilon_);
}

}  // namespace darkroom
