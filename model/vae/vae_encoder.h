#ifndef DARKROOM_MODEL_VAE_VAE_ENCODER_H_
#define DARKROOM_MODEL_VAE_VAE_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/resnet_block.h"
#include "model/vae/vae_blocks.h"
#include "model/vae/vae_config.h"

namespace darkroom {

// Pixels to latents: the encoding half of diffusers' AutoencoderKL, quant_conv included.
class VaeEncoder {
 public:
  VaeEncoder(const VaeConfig& config, const WeightScope& weights);

  // [images, 3, height, width] -> mean and logarithm of the variance, one after the other:
  // [images, 2 * latent_channels, height / factor, width / factor].
  at::Tensor Forward(const at::Tensor& pixels) const;

 private:
  struct Level {
    std::vector<ResnetBlock> resnets;
    std::optional<Conv2d> downsample;
  };

  Conv2d conv_in_;
  std::vector<Level> levels_;
  VaeMidBlock mid_;
  GroupNorm norm_out_;
  Conv2d conv_out_;
  std::optional<Conv2d> quant_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_ENCODER_H_
