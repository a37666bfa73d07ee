#ifndef DARKROOM_MODEL_VAE_VAE_DECODER_H_
#define DARKROOM_MODEL_VAE_VAE_DECODER_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/resnet_block.h"
#include "model/vae/vae_config.h"

namespace darkroom {

// Every pixel attends to all others, in one head; the attention in the middle of AutoencoderKL.
class VaeAttention {
 public:
  VaeAttention(const VaeConfig& config, const WeightScope& weights);

  // x: [images, channels, h, w]; the same shape returns.
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  GroupNorm norm_;
  Linear query_, key_, value_, out_;
};

// Latents to pixels: the decoding half of diffusers' AutoencoderKL.
class VaeDecoder {
 public:
  VaeDecoder(const VaeConfig& config, const WeightScope& weights);

  // Reads config.json and weights of a folder.
  static absl::StatusOr<VaeDecoder> Load(const std::string& folder);

  // latents, scaled as the UNet knows them: [images, latent_channels, h, w] ->
  // [images, 3, h * factor, w * factor], about -1 to 1.
  at::Tensor Forward(const at::Tensor& latents) const;

  const VaeConfig& config() const { return config_; }

 private:
  struct Level {
    std::vector<ResnetBlock> resnets;
    std::optional<Upsample> upsample;
  };

  VaeConfig config_;
  std::optional<Conv2d> post_quant_;
  Conv2d conv_in_;
  ResnetBlock mid_first_;
  std::optional<VaeAttention> mid_attention_;
  ResnetBlock mid_second_;
  std::vector<Level> levels_;
  GroupNorm norm_out_;
  Conv2d conv_out_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_DECODER_H_
