#ifndef DARKROOM_MODEL_TEXT_TEXT_ENCODER_H_
#define DARKROOM_MODEL_TEXT_TEXT_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/checkpoint/weights.h"
#include "model/layers.h"

namespace darkroom {

// config.json of a CLIPTextModel or CLIPTextModelWithProjection.
struct TextEncoderConfig {
  int64_t width = 512;  // hidden_size
  int64_t heads = 8;
  int64_t layers = 12;
  int64_t feed_forward = 2048;  // intermediate_size
  int64_t vocabulary = 49408;
  int64_t length = 77;  // max_position_embeddings
  int64_t projection = 512;
  int64_t end_token = 49407;
  bool quick_gelu = true;  // x * sigmoid(1.702 x), else the exact GELU.
  double epsilon = 1e-5;

  static absl::StatusOr<TextEncoderConfig> Read(const std::string& path);
};

// A CLIP text tower: transformers' CLIPTextModel, with its projection when `projected`.
class TextEncoder {
 public:
  struct Output {
    // Hidden states before the first layer and after each: [texts, length, width].
    std::vector<at::Tensor> hidden;
    at::Tensor pooled;  // Projected end token: [texts, projection]; undefined when not projected.
  };

  TextEncoder(const TextEncoderConfig& config, bool projected, const WeightScope& weights);

  // ids: [texts, length], each with an end token.
  Output Forward(const at::Tensor& ids) const;

  int64_t layers() const { return config_.layers; }

 private:
  class Layer {
   public:
    Layer(const TextEncoderConfig& config, const WeightScope& weights);
    // x: [texts, length, width]; the same shape returns.
    at::Tensor Forward(const at::Tensor& x) const;

   private:
    at::Tensor Attend(const at::Tensor& x) const;

    int64_t heads_;
    bool quick_gelu_;
    LayerNorm norm1_, norm2_;
    Linear query_, key_, value_, out_;
    Linear widen_, narrow_;
  };

  // The position of each text's end token: [texts].
  at::Tensor EndPositions(const at::Tensor& ids) const;

  TextEncoderConfig config_;
  at::Tensor token_embedding_, position_embedding_;
  std::vector<Layer> layers_;
  LayerNorm final_norm_;
  std::optional<Linear> projection_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_TEXT_ENCODER_H_
