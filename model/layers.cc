#include "model/layers.h"

#include <ATen/ATen.h>

#include "model/cuda_module.h"

namespace darkroom {
namespace {

// `function` of a sample takes the place for its result, and the sample.
template <typename Function>
at::Tensor OneByOne(const at::Tensor& samples, const Function& function) {
  at::Tensor results = at::empty_like(samples);
  for (int64_t i = 0; i < samples.size(0); ++i) {
    at::Tensor result = results[i];
    function(result, samples[i]);
  }
  return results;
}

}  // namespace

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
  if (x.is_cuda()) {
    return GetCudaOps().group_norm(x, /*shift=*/{}, weight_, bias_, groups_, epsilon_,
                                   /*silu=*/false);
  }
  return at::group_norm(x, groups_, weight_, bias_, epsilon_);
}

at::Tensor GroupNorm::ForwardSilu(const at::Tensor& x, const at::Tensor& shift) const {
  if (x.is_cuda()) {
    return GetCudaOps().group_norm(x, shift, weight_, bias_, groups_, epsilon_, /*silu=*/true);
  }
  return Silu(Forward(shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x));
}

LayerNorm::LayerNorm(const WeightScope& weights, int64_t channels, double epsilon)
    : channels_(channels),
      epsilon_(epsilon),
      weight_(weights.Take("weight", {channels})),
      bias_(weights.Take("bias", {channels})) {}

at::Tensor LayerNorm::Forward(const at::Tensor& x) const {
  if (x.is_cuda()) {
    at::Tensor sum = x;
    return GetCudaOps().add_layer_norm(sum, /*delta=*/{}, weight_, bias_, epsilon_);
  }
  return at::layer_norm(x, {channels_}, weight_, bias_, epsilon_);
}

at::Tensor LayerNorm::AddForward(at::Tensor& x, const at::Tensor& delta) const {
  if (x.is_cuda()) return GetCudaOps().add_layer_norm(x, delta, weight_, bias_, epsilon_);
  x = x + delta;
  return Forward(x);
}

at::Tensor Silu(const at::Tensor& x) {
  if (!x.is_cpu()) return at::silu(x);
  return OneByOne(x, [](at::Tensor& y, const at::Tensor& x) { at::silu_out(y, x); });
}

at::Tensor Geglu(const at::Tensor& x) {
  if (x.is_cuda()) return GetCudaOps().geglu(x);
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  return halves[0] *
         OneByOne(halves[1], [](at::Tensor& y, const at::Tensor& x) { at::gelu_out(y, x); });
}

at::Tensor SplitHeads(const at::Tensor& tokens, int64_t heads) {
  return tokens.unflatten(-1, {heads, -1}).transpose(1, 2);
}

at::Tensor JoinHeads(const at::Tensor& heads) { return heads.transpose(1, 2).flatten(2); }

}  // namespace darkroom
