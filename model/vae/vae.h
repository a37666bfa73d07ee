#ifndef DARKROOM_MODEL_VAE_VAE_H_
#define DARKROOM_MODEL_VAE_VAE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "model/vae/vae_config.h"
#include "model/vae/vae_decoder.h"
#include "model/vae/vae_encoder.h"
#include "model/vae/vae_tiles.h"

namespace darkroom {

// The way between pixels and latents: diffusers' AutoencoderKL. Images go through it a few at a
// time and, beyond 2^21 pixels, in tiles, so that its memory has a bound. Pixels and latents lie
// on its device and are float32, whatever the networks compute in.
class Vae {
 public:
  // Reads the weights of a folder.
  static absl::StatusOr<Vae> Load(const std::string& folder, const VaeConfig& config,
                                  const at::TensorOptions& placement);

  // Scaled as the UNet knows them: [images, latent_channels, h, w] ->
  // [images, 3, h * factor, w * factor], about -1 to 1.
  at::Tensor Decode(const at::Tensor& latents) const;

  // [images, 3, height, width], -1 to 1 -> mean and logarithm of the variance of the latents, not
  // yet scaled: [images, 2 * latent_channels, height / factor, width / factor].
  at::Tensor Encode(const at::Tensor& pixels) const;

  const VaeConfig& config() const { return config_; }
  at::ScalarType dtype() const { return placement_.dtype().toScalarType(); }
  at::Device device() const { return placement_.device(); }

 private:
  Vae(const VaeConfig& config, const WeightScope& weights);

  // All of `x`, images of so many pixels, through one half.
  template <typename Half>
  at::Tensor Through(const Half& half, const at::Tensor& x, int64_t pixels,
                     const VaeTiles& tiles) const;

  VaeConfig config_;
  at::TensorOptions placement_;
  VaeEncoder encoder_;
  VaeDecoder decoder_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_H_
