#ifndef DARKROOM_MODEL_VAE_VAE_CONFIG_H_
#define DARKROOM_MODEL_VAE_VAE_CONFIG_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// config.json of an AutoencoderKL; channels from the largest resolution to the smallest.
struct VaeConfig {
  int64_t image_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> channels;
  int64_t resnets = 1;  // layers_per_block; the decoder has one more.
  int64_t groups = 32;
  bool mid_attention = true;
  bool quant_conv = true;
  bool post_quant_conv = true;
  bool force_upcast = true;  // Computed in float32 unless told otherwise.
  int64_t sample_size = 32;  // Pixels a side of an image that the VAE was trained on.
  double scaling_factor = 0.18215;

  // Pixels per latent, in each direction.
  int64_t factor() const { return int64_t{1} << (channels.size() - 1); }

  // Pixels a side of a tile, of whose latents a quarter overlaps: so a multiple of four latents.
  int64_t tile_side() const {
    const int64_t unit = 4 * factor();
    return std::max(sample_size / unit, int64_t{1}) * unit;
  }

  // INVALID_ARGUMENT naming everything that is not supported.
  static absl::StatusOr<VaeConfig> Read(const std::string& path);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_VAE_CONFIG_H_
