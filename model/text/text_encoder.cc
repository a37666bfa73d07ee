#include "model/text/text_encoder.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

// Published configurations of before transformers 4.31 give this wrong id; pooling then takes the
// largest id, which the end token has.
constexpr int64_t kLegacyEndToken = 2;

// CLIPTextModel's own keys have had a `text_model.` prefix, and of late have none.
WeightScope TextModel(const WeightScope& weights) {
  return weights.Has("text_model.final_layer_norm.weight") ? weights.Scope("text_model") : weights;
}

}  // namespace

absl::StatusOr<TextEncoderConfig> TextEncoderConfig::Read(const std::string& path) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(path);
  if (!reader.ok()) return reader.status();
  reader->Expect("model_type", {"clip_text_model"});
  reader->Expect("hidden_act", {"quick_gelu", "gelu"});
  reader->Ignore({"architectures", "attention_dropout", "bos_token_id", "dropout", "dtype",
                  "initializer_factor", "initializer_range", "pad_token_id", "torch_dtype",
                  "transformers_version", "use_cache"});
  TextEncoderConfig config;
  config.width = reader->Size("hidden_size", config.width);
  config.heads = reader->Size("num_attention_heads", config.heads);
  config.layers = reader->Size("num_hidden_layers", config.layers, kMaxLayers);
  config.feed_forward = reader->Size("intermediate_size", config.feed_forward);
  config.vocabulary = reader->Size("vocab_size", config.vocabulary);
  config.length = reader->Size("max_position_embeddings", config.length);
  config.projection = reader->Size("projection_dim", config.projection);
  config.end_token = reader->Integer("eos_token_id", config.end_token);
  config.quick_gelu = reader->String("hidden_act", "quick_gelu") == "quick_gelu";
  config.epsilon = reader->Number("layer_norm_eps", config.epsilon);
  if (config.width % config.heads != 0) {
    reader->Refuse(absl::StrCat("hidden_size ", config.width,
                                " is not a multiple of num_attention_heads ", config.heads));
  }
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return config;
}

TextEncoder::Layer::Layer(const TextEncoderConfig& config, const WeightScope& weights)
    : heads_(config.heads),
      quick_gelu_(config.quick_gelu),
      norm1_(weights.Scope("layer_norm1"), config.width, config.epsilon),
      norm2_(weights.Scope("layer_norm2"), config.width, config.epsilon),
      query_(weights.Scope("self_attn.q_proj"), config.width, config.width),
      key_(weights.Scope("self_attn.k_proj"), config.width, config.width),
      value_(weights.Scope("self_attn.v_proj"), config.width, config.width),
      out_(weights.Scope("self_attn.out_proj"), config.width, config.width),
      widen_(weights.Scope("mlp.fc1"), config.width, config.feed_forward),
      narrow_(weights.Scope("mlp.fc2"), config.feed_forward, config.width) {}

at::Tensor TextEncoder::Layer::Attend(const at::Tensor& x) const {
  const at::Tensor attended = at::scaled_dot_product_attention(
      SplitHeads(query_.Forward(x), heads_), SplitHeads(key_.Forward(x), heads_),
      SplitHeads(value_.Forward(x), heads_),
      /*attn_mask=*/{}, /*dropout_p=*/0.0, /*is_causal=*/true);
  return out_.Forward(JoinHeads(attended));
}

at::Tensor TextEncoder::Layer::Forward(const at::Tensor& x) const {
  const at::Tensor attended = x + Attend(norm1_.Forward(x));
  const at::Tensor wide = widen_.Forward(norm2_.Forward(attended));
  const at::Tensor active = quick_gelu_ ? wide * at::sigmoid(1.702 * wide) : at::gelu(wide);
  return attended + narrow_.Forward(active);
}

TextEncoder::TextEncoder(const TextEncoderConfig& config, bool projected,
                         const WeightScope& weights)
    : config_(config),
      token_embedding_(TextModel(weights).Take("embeddings.token_embedding.weight",
                                               {config.vocabulary, config.width})),
      position_embedding_(TextModel(weights).Take("embeddings.position_embedding.weight",
                                                  {config.length, config.width})),
      final_norm_(TextModel(weights).Scope("final_layer_norm"), config.width, config.epsilon) {
  for (int64_t i = 0; i < config.layers; ++i) {
    layers_.emplace_back(config, TextModel(weights).Scope(absl::StrCat("encoder.layers.", i)));
  }
  if (projected) {
    projection_.emplace(weights.Scope("text_projection"), config.width, config.projection,
                        /*has_bias=*/false);
  }
}

at::Tensor TextEncoder::EndPositions(const at::Tensor& ids) const {
  if (config_.end_token == kLegacyEndToken) return ids.argmax(-1);
  return ids.eq(config_.end_token).to(at::kInt).argmax(-1);
}

TextEncoder::Output TextEncoder::Forward(const at::Tensor& ids) const {
  at::Tensor x = at::embedding(token_embedding_, ids) + position_embedding_;
  Output output;
  output.hidden.push_back(x);
  for (const Layer& layer : layers_) {
    x = layer.Forward(x);
    output.hidden.push_back(x);
  }
  if (projection_) {
    const at::Tensor last = final_norm_.Forward(x);
    const at::Tensor texts = at::arange(ids.size(0), ids.options());
    output.pooled = projection_->Forward(last.index({texts, EndPositions(ids)}));
  }
  return output;
}

}  // namespace darkroom
