#ifndef DARKROOM_MODEL_UNET_UNET_H_
#define DARKROOM_MODEL_UNET_UNET_H_

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/unet_blocks.h"
#include "model/unet/unet_config.h"

namespace darkroom {

// Two linear layers with SiLU between them; diffusers' TimestepEmbedding.
class TimeEmbedding {
 public:
  TimeEmbedding(int64_t in, int64_t out, const WeightScope& weights);
  at::Tensor Forward(const at::Tensor& x) const;  // [samples, in] -> [samples, out]

 private:
  Linear widen_, mix_;
};

// Predicts the noise in latents: diffusers' UNet2DConditionModel with text_time conditioning. What
// goes in and comes out lies on its device; it is of any dtype and float32, whatever the network
// computes in.
class UNet {
 public:
  // All samples of one pass; each has its own timestep.
  struct Input {
    at::Tensor latents;    // [samples, in_channels, h, w], any h and w.
    at::Tensor timesteps;  // [samples], float32.
    // Of the same samples, from Prepare; borrowed.
    const std::vector<CrossAttention::Prompt>& prompts;
    at::Tensor pooled;    // [samples, projection]
    at::Tensor time_ids;  // The six micro-conditioning values: [samples, 6], float32.
  };

  UNet(const UNetConfig& config, const WeightScope& weights);

  // Reads config.json and weights of a folder. `float8`: see TokenLinear.
  static absl::StatusOr<UNet> Load(const std::string& folder, const at::TensorOptions& placement,
                                   bool float8 = false);

  // What the layers take of prompt embeddings, [samples, length, context_width], at every step.
  std::vector<CrossAttention::Prompt> Prepare(const at::Tensor& context) const;

  // [samples, out_channels, h, w]
  at::Tensor Forward(const Input& input) const;

  const UNetConfig& config() const { return config_; }
  at::ScalarType dtype() const { return placement_.dtype().toScalarType(); }
  at::Device device() const { return placement_.device(); }

 private:
  // SiLU of the time embedding, which is what every block asks for: [samples,
  // time_embedding_width].
  at::Tensor EmbedTime(const Input& input) const;
  // Sines and cosines of each value: [n] -> [n, width] (diffusers' get_timestep_embedding).
  at::Tensor Sinusoids(const at::Tensor& values, int64_t width) const;

  UNetConfig config_;
  at::TensorOptions placement_;
  TimeEmbedding time_embedding_, added_embedding_;
  Conv2d conv_in_;
  std::vector<DownBlock> down_;
  MidBlock mid_;
  std::vector<UpBlock> up_;
  GroupNorm norm_out_;
  Conv2d conv_out_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_UNET_H_
