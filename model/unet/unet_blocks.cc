#include "model/unet/unet_blocks.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

ResnetBlock::Shape ResnetShape(const UNetConfig& config, int64_t in, int64_t out) {
  return {.in = in,
          .out = out,
          .groups = config.groups,
          .epsilon = config.epsilon,
          .time_width = config.time_embedding_width};
}

Transformer::Shape TransformerShape(const UNetConfig& config, size_t level, int64_t layers) {
  return {.width = config.channels[level],
          .context_width = config.context_width[level],
          .heads = config.heads[level],
          .layers = layers,
          .groups = config.groups,
          .float8 = config.float8,
          .linear_projection = config.linear_projection};
}

}  // namespace

DownBlock::DownBlock(const UNetConfig& config, size_t level, const WeightScope& weights) {
  int64_t in = config.channels[level == 0 ? 0 : level - 1];
  const int64_t out = config.channels[level];
  for (int64_t i = 0; i < config.resnets[level]; ++i) {
    resnets_.emplace_back(ResnetShape(config, in, out), weights.Scope(absl::StrCat("resnets.", i)));
    in = out;
    if (!config.down_attention[level]) continue;
    transformers_.emplace_back(TransformerShape(config, level, config.transformer_layers[level]),
                               weights.Scope(absl::StrCat("attentions.", i)));
  }
  if (level + 1 < config.channels.size()) {
    downsample_.emplace(weights.Scope("downsamplers.0.conv"), out, out,
                        Conv2d::Shape{.kernel = 3, .stride = 2, .padding = 1});
  }
}

void DownBlock::Prepare(const at::Tensor& context,
                        std::vector<CrossAttention::Prompt>& prompts) const {
  for (const Transformer& each : transformers_) each.Prepare(context, prompts);
}

at::Tensor DownBlock::Forward(at::Tensor x, UNetConditioning& conditioning,
                              std::vector<at::Tensor>& skips) const {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    x = resnets_[i].Forward(x, conditioning.time);
    if (!transformers_.empty()) x = transformers_[i].Forward(x, conditioning.prompts);
    skips.push_back(x);
  }
  if (downsample_) {
    x = downsample_->Forward(x);
    skips.push_back(x);
  }
  return x;
}

MidBlock::MidBlock(const UNetConfig& config, const WeightScope& weights)
    : first_(ResnetShape(config, config.channels.back(), config.channels.back()),
             weights.Scope("resnets.0")),
      transformer_(
          TransformerShape(config, config.channels.size() - 1, config.transformer_layers.back()),
          weights.Scope("attentions.0")),
      second_(ResnetShape(config, config.channels.back(), config.channels.back()),
              weights.Scope("resnets.1")) {}

void MidBlock::Prepare(const at::Tensor& context,
                       std::vector<CrossAttention::Prompt>& prompts) const {
  transformer_.Prepare(context, prompts);
}

at::Tensor MidBlock::Forward(const at::Tensor& x, UNetConditioning& conditioning) const {
  const at::Tensor attended =
      transformer_.Forward(first_.Forward(x, conditioning.time), conditioning.prompts);
  return second_.Forward(attended, conditioning.time);
}

UpBlock::UpBlock(const UNetConfig& config, size_t step, const WeightScope& weights) {
  const size_t level = config.channels.size() - 1 - step;
  const int64_t out = config.channels[level];
  const int64_t below = config.channels[step == 0 ? level : level + 1];
  const int64_t above = config.channels[level == 0 ? 0 : level - 1];
  const int64_t resnets = config.resnets[level] + 1;
  for (int64_t i = 0; i < resnets; ++i) {
    const int64_t in = i == 0 ? below : out;
    const int64_t skip = i + 1 == resnets ? above : out;
    resnets_.emplace_back(ResnetShape(config, in + skip, out),
                          weights.Scope(absl::StrCat("resnets.", i)));
    if (!config.up_attention[step]) continue;
    transformers_.emplace_back(TransformerShape(config, level, config.up_transformer_layers[step]),
                               weights.Scope(absl::StrCat("attentions.", i)));
  }
  if (level > 0) upsample_.emplace(out, weights.Scope("upsamplers.0"));
}

void UpBlock::Prepare(const at::Tensor& context,
                      std::vector<CrossAttention::Prompt>& prompts) const {
  for (const Transformer& each : transformers_) each.Prepare(context, prompts);
}

at::Tensor UpBlock::Forward(at::Tensor x, UNetConditioning& conditioning,
                            std::vector<at::Tensor>& skips) const {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    x = resnets_[i].Forward(at::cat({x, skips.back()}, 1), conditioning.time);
    skips.pop_back();
    if (!transformers_.empty()) x = transformers_[i].Forward(x, conditioning.prompts);
  }
  // The skip's own size, not twice ours: on the way down odd sizes were rounded up.
  if (upsample_) x = upsample_->Forward(x, skips.back().size(2), skips.back().size(3));
  return x;
}

}  // namespace darkroom
