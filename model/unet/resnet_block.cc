#include "model/unet/resnet_block.h"

#include <ATen/ATen.h>

namespace darkroom {

ResnetBlock::ResnetBlock(const Shape& shape, const WeightScope& weights)
    : norm1_(weights.Scope("norm1"), shape.groups, shape.in, shape.epsilon),
      norm2_(weights.Scope("norm2"), shape.groups, shape.out, shape.epsilon),
      conv1_(weights.Scope("conv1"), shape.in, shape.out, kConv3x3),
      conv2_(weights.Scope("conv2"), shape.out, shape.out, kConv3x3) {
  if (shape.time_width > 0) {
    time_.emplace(weights.Scope("time_emb_proj"), shape.time_width, shape.out);
  }
  if (shape.in != shape.out) {
    shortcut_.emplace(weights.Scope("conv_shortcut"), shape.in, shape.out, kConv1x1);
  }
}

at::Tensor ResnetBlock::Forward(const at::Tensor& x, const at::Tensor& time) const {
  at::Tensor h = conv1_.Forward(norm1_.ForwardSilu(x));
  h = conv2_.Forward(norm2_.ForwardSilu(h, time_ ? time_->Forward(time) : at::Tensor()));
  return (shortcut_ ? shortcut_->Forward(x) : x) + h;
}

Upsample::Upsample(int64_t channels, const WeightScope& weights)
    : conv_(weights.Scope("conv"), channels, channels, kConv3x3) {}

at::Tensor Upsample::Forward(const at::Tensor& x, int64_t height, int64_t width) const {
  return conv_.Forward(at::upsample_nearest2d(x, {height, width}));
}

}  // namespace darkroom
