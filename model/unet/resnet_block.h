#ifndef DARKROOM_MODEL_UNET_RESNET_BLOCK_H_
#define DARKROOM_MODEL_UNET_RESNET_BLOCK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/checkpoint/weights.h"
#include "model/layers.h"

namespace darkroom {

// Two convolutions beside a shortcut; diffusers' ResnetBlock2D, in UNet and VAE.
class ResnetBlock {
 public:
  struct Shape {
    int64_t in = 0;
    int64_t out = 0;
    int64_t groups = 32;
    double epsilon = 1e-5;
    int64_t time_width = 0;  // 0: no time embedding.
  };
  ResnetBlock(const Shape& shape, const WeightScope& weights);

  // x: [samples, in, height, width] -> [samples, out, height, width].
  // time: SiLU of the time embedding, [samples, time_width]; undefined where the block takes none.
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time) const;

 private:
  GroupNorm norm1_, norm2_;
  Conv2d conv1_, conv2_;
  std::optional<Linear> time_;
  std::optional<Conv2d> shortcut_;
};

// Doubles the size by repeating pixels, then a convolution; diffusers' Upsample2D.
class Upsample {
 public:
  Upsample(int64_t channels, const WeightScope& weights);

  // x: [samples, channels, h, w] -> [samples, channels, height, width].
  at::Tensor Forward(const at::Tensor& x, int64_t height, int64_t width) const;

 private:
  Conv2d conv_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_RESNET_BLOCK_H_
