#include "model/unet/token_linear.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>
#include <vector>

#include "model/cuda_module.h"

namespace darkroom {
namespace {

// What torch._scaled_mm takes: both sides of a weight are multiples of it.
constexpr int64_t kFloat8Multiple = 16;

at::Tensor Restore(const Float8Rows& rows, at::ScalarType dtype) {
  return (rows.values.to(at::kFloat) * rows.scales).to(dtype);
}

}  // namespace

Float8Rows RoundToFloat8(const at::Tensor& rows) {
  if (rows.is_cuda()) {
    Float8Rows rounded;
    GetCudaOps().round_to_float8(rows, rounded.values, rounded.scales);
    return rounded;
  }
  const at::Tensor values = rows.to(at::kFloat);
  const at::Tensor scales =
      values.abs().amax(-1, /*keepdim=*/true).clamp_min(Float8Rows::kLeastMagnitude) /
      Float8Rows::kLargest;
  return {(values / scales).to(at::kFloat8_e4m3fn), scales};
}

TokenLinear::TokenLinear(const WeightScope& weights, int64_t in, int64_t out, bool float8,
                         bool has_bias)
    : TokenLinear(weights.Take("weight", {out, in}),
                  has_bias ? weights.Take("bias", {out}) : at::Tensor(), float8) {}

TokenLinear::TokenLinear(at::Tensor weight, at::Tensor bias, bool float8)
    : float8_(float8 && weight.defined() && weight.size(0) % kFloat8Multiple == 0 &&
              weight.size(1) % kFloat8Multiple == 0),
      weight_(std::move(weight)),
      bias_(std::move(bias)) {
  if (!float8_) return;
  const Float8Rows rounded = RoundToFloat8(weight_);
  if (weight_.is_cuda()) {
    weight_ = rounded.values;
    weight_scales_ = rounded.scales.t();
  } else {
    weight_ = Restore(rounded, weight_.scalar_type());
  }
}

at::Tensor TokenLinear::Multiply(const Float8Rows& rows, at::ScalarType dtype) const {
  if (!weight_scales_.defined()) return at::linear(Restore(rows, dtype), weight_, bias_);
  const std::optional<at::Tensor> bias =
      bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
  return at::_scaled_mm(rows.values, weight_.t(), rows.scales, weight_scales_, bias,
                        /*scale_result=*/{}, dtype);
}

at::Tensor TokenLinear::Forward(const at::Tensor& x) const {
  if (!float8_) return at::linear(x, weight_, bias_);
  const Float8Rows rounded = RoundToFloat8(x.reshape({-1, x.size(-1)}));
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight_.size(0);
  return Multiply(rounded, x.scalar_type()).reshape(shape);
}

}  // namespace darkroom
