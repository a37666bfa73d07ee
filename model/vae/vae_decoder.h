#ifndef DARKROOM_MODEL_VAE_VAE_DECODER_H_
#define DARKROOM_MODEL_VAE_VAE_DECODER_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/resnet_block.h"
#include "model/vae/vae_blocks.h"
#include "model/vae/vae_config.h"

namespace darkroom {

// Latents to pixels: the decoding half of diffusers' AutoencoderKL, post_quant_conv included.
class VaeDecoder {
 public:
  VaeDecoder(const VaeConfig& config, const WeightScope& weights);

  // [images, latent_channels, h, w] -> [images, 3, h * factor, w * factor], about -1 to 1.
  at::Tensor Forward(const at::Tensor& latents) const;

 private:
  struct Level {
    std::vector<ResnetBlock> resnets;
    std::optional<Upsample> upsample;
  };

  std::optional<Conv2d> post_quant_;
  Conv2d conv_in_;
  VaeMidBlock mid_;
  std::vector<Level> levels_;
  GroupNorm norm_out_;
  Conv2d conv_out_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_DECODER_H_
