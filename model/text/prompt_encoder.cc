#include "model/text/prompt_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/weights.h"

namespace darkroom {
namespace {

struct LoadedEncoder {
  TextEncoderConfig config;
  TextEncoder encoder;
};

absl::StatusOr<LoadedEncoder> LoadEncoder(const std::string& folder, bool projected,
                                          const at::TensorOptions& placement) {
  absl::StatusOr<TextEncoderConfig> config = TextEncoderConfig::Read(folder + "/config.json");
  if (!config.ok()) return config.status();
  absl::StatusOr<Weights> weights = Weights::Open(folder, "model", placement);
  if (!weights.ok()) return weights.status();
  // Positions were stored as a buffer by transformers before 4.31.
  weights->Ignore("text_model.embeddings.position_ids");
  LoadedEncoder loaded{*config, TextEncoder(*config, projected, weights->Root())};
  if (absl::Status s = weights->CheckComplete(); !s.ok()) return s;
  return loaded;
}

// `suffix` is that of the folders' names: "" or "_2".
absl::Status CheckFit(const std::string& suffix, const ClipTokenizer& tokenizer,
                      const TextEncoderConfig& config) {
  if (tokenizer.largest_id() >= config.vocabulary) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer", suffix, " has the id ", tokenizer.largest_id(),
                     ", beyond the vocab_size ", config.vocabulary, " of text_encoder", suffix));
  }
  if (tokenizer.length() != config.length) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer", suffix, " gives ",
                                                   tokenizer.length(), " tokens, text_encoder",
                                                   suffix, " takes ", config.length));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PromptEncoder> PromptEncoder::Load(const std::string& checkpoint,
                                                  const at::TensorOptions& placement) {
  absl::StatusOr<ClipTokenizer> tokenizer = ClipTokenizer::Load(checkpoint + "/tokenizer");
  if (!tokenizer.ok()) return tokenizer.status();
  absl::StatusOr<ClipTokenizer> tokenizer_2 = ClipTokenizer::Load(checkpoint + "/tokenizer_2");
  if (!tokenizer_2.ok()) return tokenizer_2.status();
  absl::StatusOr<LoadedEncoder> encoder =
      LoadEncoder(checkpoint + "/text_encoder", /*projected=*/false, placement);
  if (!encoder.ok()) return encoder.status();
  absl::StatusOr<LoadedEncoder> encoder_2 =
      LoadEncoder(checkpoint + "/text_encoder_2", /*projected=*/true, placement);
  if (!encoder_2.ok()) return encoder_2.status();
  if (absl::Status s = CheckFit("", *tokenizer, encoder->config); !s.ok()) return s;
  if (absl::Status s = CheckFit("_2", *tokenizer_2, encoder_2->config); !s.ok()) return s;
  return PromptEncoder({*std::move(tokenizer), std::move(encoder->encoder)},
                       {*std::move(tokenizer_2), std::move(encoder_2->encoder)},
                       encoder->config.width + encoder_2->config.width,
                       encoder_2->config.projection, placement.device());
}

PromptEncoder::PromptEncoder(Tower first, Tower second, int64_t width, int64_t projection,
                             at::Device device)
    : first_(std::move(first)),
      second_(std::move(second)),
      width_(width),
      projection_(projection),
      device_(device) {}

std::vector<PromptEmbedding> PromptEncoder::Encode(std::span<const PromptTexts> prompts) const {
  if (prompts.empty()) return {};
  std::vector<PromptEmbedding> embeddings(prompts.size());
  std::vector<at::Tensor> ids, ids_2;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const ClipTokenizer::Tokens tokens = first_.tokenizer.Encode(prompts[i].first);
    const ClipTokenizer::Tokens tokens_2 = second_.tokenizer.Encode(prompts[i].second);
    ids.push_back(at::tensor(tokens.ids, at::kLong));
    ids_2.push_back(at::tensor(tokens_2.ids, at::kLong));
    embeddings[i].truncated = std::max(tokens.truncated, tokens_2.truncated);
  }
  const TextEncoder::Output output = first_.encoder.Forward(at::stack(ids).to(device_));
  const TextEncoder::Output output_2 = second_.encoder.Forward(at::stack(ids_2).to(device_));
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto hidden = [&](const TextEncoder::Output& o) {
      const size_t skipped = static_cast<size_t>(prompts[i].clip_skip) + 2;
      return o.hidden[o.hidden.size() - skipped][static_cast<int64_t>(i)];
    };
    embeddings[i].tokens = at::cat({hidden(output), hidden(output_2)}, -1).to(at::kFloat);
    embeddings[i].pooled = output_2.pooled[static_cast<int64_t>(i)].to(at::kFloat);
  }
  return embeddings;
}

PromptEmbedding PromptEncoder::Zeros() const {
  const at::TensorOptions placement = at::TensorOptions(device_).dtype(at::kFloat);
  return {.tokens = at::zeros({first_.tokenizer.length(), width_}, placement),
          .pooled = at::zeros({projection_}, placement)};
}

}  // namespace darkroom
