#ifndef DARKROOM_MODEL_UNET_TOKEN_LINEAR_H_
#define DARKROOM_MODEL_UNET_TOKEN_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/checkpoint/weights.h"

namespace darkroom {

// Rows rounded to float8 (e4m3: 3 bits of mantissa), each with the scale that brings its largest
// magnitude to float8's largest. So a row's rounding depends on no other row.
struct Float8Rows {
  static constexpr float kLargest = 448;
  // So that a row of zeros has a scale.
  static constexpr float kLeastMagnitude = 1e-12f;

  at::Tensor values;  // [rows, width], float8.
  at::Tensor scales;  // [rows, 1], float32: a value is this times what is stored.
};

// rows: [rows, width] of float32, float16 or bfloat16; on a GPU a multiple of 8 wide.
Float8Rows RoundToFloat8(const at::Tensor& rows);

// A linear layer over tokens, which may multiply in float8: then weights are rounded once, each of
// their rows with its scale, and tokens as they come. A GPU multiplies in float8; a CPU multiplies
// the same rounded values in the layer's own dtype, which shows what rounding costs but saves
// nothing.
class TokenLinear {
 public:
  TokenLinear(const WeightScope& weights, int64_t in, int64_t out, bool float8,
              bool has_bias = true);
  // weight: [out, in]; bias: [out], or undefined. Where the scope had none, both are undefined.
  TokenLinear(at::Tensor weight, at::Tensor bias, bool float8);

  // [..., in] -> [..., out].
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  // [rows, in] -> [rows, out].
  at::Tensor Multiply(const Float8Rows& rows, at::ScalarType dtype) const;

  bool float8_;
  at::Tensor weight_, bias_;
  at::Tensor weight_scales_;  // [1, out]; only where `weight_` is stored in float8.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_TOKEN_LINEAR_H_
