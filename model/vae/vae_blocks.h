#ifndef DARKROOM_MODEL_VAE_VAE_BLOCKS_H_
#define DARKROOM_MODEL_VAE_VAE_BLOCKS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/resnet_block.h"
#include "model/vae/vae_config.h"

namespace darkroom {

inline constexpr double kVaeEpsilon = 1e-6;

// A resnet of either half, which knows no time.
ResnetBlock::Shape VaeResnetShape(const VaeConfig& config, int64_t in, int64_t out);

// Every pixel attends to all others, in one head.
class VaeAttention {
 public:
  VaeAttention(const VaeConfig& config, const WeightScope& weights);

  // x: [images, channels, h, w]; the same shape returns.
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  GroupNorm norm_;
  Linear query_, key_, value_, out_;
};

// The bottom of either half: resnet, attention, resnet; diffusers' UNetMidBlock2D.
class VaeMidBlock {
 public:
  VaeMidBlock(const VaeConfig& config, const WeightScope& weights);

  // x: [images, channels, h, w]; the same shape returns.
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  ResnetBlock first_;
  std::optional<VaeAttention> attention_;
  ResnetBlock second_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_BLOCKS_H_
