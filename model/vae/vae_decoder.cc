#include "model/vae/vae_decoder.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr double kEpsilon = 1e-6;

ResnetBlock::Shape ResnetShape(const VaeConfig& config, int64_t in, int64_t out) {
  return {.in = in, .out = out, .groups = config.groups, .epsilon = kEpsilon};
}

// Checkpoints of before diffusers 0.15 call the projections otherwise.
WeightScope Projection(const WeightScope& weights, const char* name, const char* old_name) {
  return weights.Scope(weights.Has(absl::StrCat(old_name, ".weight")) ? old_name : name);
}

}  // namespace

VaeAttention::VaeAttention(const VaeConfig& config, const WeightScope& weights)
    : norm_(weights.Scope("group_norm"), config.groups, config.channels.back(), kEpsilon),
      query_(Projection(weights, "to_q", "query"), config.channels.back(), config.channels.back()),
      key_(Projection(weights, "to_k", "key"), config.channels.back(), config.channels.back()),
      value_(Projection(weights, "to_v", "value"), config.channels.back(), config.channels.back()),
      out_(Projection(weights, "to_out.0", "proj_attn"), config.channels.back(),
           config.channels.back()) {}

at::Tensor VaeAttention::Forward(const at::Tensor& x) const {
  const at::Tensor tokens =
      norm_.Forward(x).flatten(2).transpose(1, 2);  // [images, h * w, channels]
  const auto one_head = [](const at::Tensor& t) { return t.unsqueeze(1); };
  const at::Tensor attended = at::scaled_dot_product_attention(one_head(query_.Forward(tokens)),
                                                               one_head(key_.Forward(tokens)),
                                                               one_head(value_.Forward(tokens)));
  return x + out_.Forward(attended.squeeze(1)).transpose(1, 2).reshape(x.sizes());
}

VaeDecoder::VaeDecoder(const VaeConfig& config, const WeightScope& weights)
    : config_(config),
      conv_in_(weights.Scope("decoder.conv_in"), config.latent_channels, config.channels.back(),
               kConv3x3),
      mid_first_(ResnetShape(config, config.channels.back(), config.channels.back()),
                 weights.Scope("decoder.mid_block.resnets.0")),
      mid_second_(ResnetShape(config, config.channels.back(), config.channels.back()),
                  weights.Scope("decoder.mid_block.resnets.1")),
      norm_out_(weights.Scope("decoder.conv_norm_out"), config.groups, config.channels.front(),
                kEpsilon),
      conv_out_(weights.Scope("decoder.conv_out"), config.channels.front(), config.image_channels,
                kConv3x3) {
  if (config.post_quant_conv) {
    post_quant_.emplace(weights.Scope("post_quant_conv"), config.latent_channels,
                        config.latent_channels, kConv1x1);
  }
  if (config.mid_attention) {
    mid_attention_.emplace(config, weights.Scope("decoder.mid_block.attentions.0"));
  }
  int64_t in = config.channels.back();
  for (size_t step = 0; step < config.channels.size(); ++step) {
    const int64_t out = config.channels[config.channels.size() - 1 - step];
    const WeightScope scope = weights.Scope(absl::StrCat("decoder.up_blocks.", step));
    Level& level = levels_.emplace_back();
    for (int64_t i = 0; i <= config.resnets; ++i) {
      level.resnets.emplace_back(ResnetShape(config, in, out),
                                 scope.Scope(absl::StrCat("resnets.", i)));
      in = out;
    }
    if (step + 1 < config.channels.size()) level.upsample.emplace(out, scope.Scope("upsamplers.0"));
  }
}

absl::StatusOr<VaeDecoder> VaeDecoder::Load(const std::string& folder) {
  absl::StatusOr<VaeConfig> config = VaeConfig::Read(folder + "/config.json");
  if (!config.ok()) return config.status();
  absl::StatusOr<Weights> weights = Weights::Open(folder, "diffusion_pytorch_model");
  if (!weights.ok()) return weights.status();
  VaeDecoder decoder(*config, weights->Root());
  weights->Ignore("encoder.");
  weights->Ignore("quant_conv.");
  if (absl::Status s = weights->CheckComplete(); !s.ok()) return s;
  return decoder;
}

at::Tensor VaeDecoder::Forward(const at::Tensor& latents) const {
  at::Tensor x = latents / config_.scaling_factor;
  if (post_quant_) x = post_quant_->Forward(x);
  x = mid_first_.Forward(conv_in_.Forward(x), /*time=*/{});
  if (mid_attention_) x = mid_attention_->Forward(x);
  x = mid_second_.Forward(x, /*time=*/{});
  for (const Level& level : levels_) {
    for (const ResnetBlock& resnet : level.resnets) x = resnet.Forward(x, /*time=*/{});
    if (level.upsample) x = level.upsample->Forward(x, 2 * x.size(2), 2 * x.size(3));
  }
  return conv_out_.Forward(at::silu(norm_out_.Forward(x)));
}

}  // namespace darkroom
