#ifndef DARKROOM_MODEL_UNET_UNET_CONFIG_H_
#define DARKROOM_MODEL_UNET_UNET_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// config.json of a UNet2DConditionModel, SDXL's kind: one entry of each list for each level, from
// the largest resolution to the smallest.
struct UNetConfig {
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  int64_t sample_size = 128;  // Latents a side by default.
  std::vector<int64_t> channels;
  std::vector<int64_t> resnets;  // layers_per_block
  std::vector<bool> down_attention, up_attention;
  std::vector<int64_t> transformer_layers, up_transformer_layers;  // The latter from the bottom up.
  std::vector<int64_t> heads;
  std::vector<int64_t> context_width;  // cross_attention_dim
  int64_t groups = 32;
  double epsilon = 1e-5;
  bool linear_projection = false;
  bool flip_sin_to_cos = true;
  double frequency_shift = 0;
  int64_t time_id_width = 256;       // addition_time_embed_dim
  int64_t added_width = 0;           // projection_class_embeddings_input_dim
  int64_t time_embedding_width = 0;  // Four times the first level's channels.
  bool float8 = false;               // Of TokenLinear; not in the file.

  // INVALID_ARGUMENT naming everything that is not supported.
  static absl::StatusOr<UNetConfig> Read(const std::string& path);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_UNET_CONFIG_H_
