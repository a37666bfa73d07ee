#ifndef DARKROOM_MODEL_VAE_VAE_TILES_H_
#define DARKROOM_MODEL_VAE_VAE_TILES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace darkroom {

// How a large image goes through one half of the VAE: in square tiles that overlap by a quarter of
// their side, blended where they do (AutoencoderKL.enable_vae_tiling).
struct VaeTiles {
  int64_t from = 0;  // Side of a tile before and after the half, in pixels or latents.
  int64_t to = 0;
};

// x: [1, channels, h, w], larger than a tile; `half` takes a part of it.
at::Tensor ForwardInTiles(const at::Tensor& x, const VaeTiles& tiles,
                          const std::function<at::Tensor(const at::Tensor&)>& half);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_TILES_H_
