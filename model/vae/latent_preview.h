#ifndef DARKROOM_MODEL_VAE_LATENT_PREVIEW_H_
#define DARKROOM_MODEL_VAE_LATENT_PREVIEW_H_

#include <ATen/core/Tensor.h>

#include "model/vae/vae.h"

namespace darkroom {

// Guesses what latents decode to without decoding them: one pixel for each, whose colour is an
// affine function of its channels. Shows colours and coarse shapes, no detail.
//
// Every VAE has colours of its own, so the function is fitted to the one at hand.
class LatentPreview {
 public:
  // Decodes one image of 16x16 drawn latents, always the same.
  explicit LatentPreview(const Vae& vae);

  // Scaled as the UNet knows them, without noise: [channels, h, w] -> [3, h, w], about -1 to 1.
  at::Tensor Decode(const at::Tensor& latents) const;

 private:
  at::Tensor weights_;  // [channels + 1, 3], the constant last.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_LATENT_PREVIEW_H_
