#include "model/vae/vae_decoder.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace darkroom {

VaeDecoder::VaeDecoder(const VaeConfig& config, const WeightScope& weights)
    : conv_in_(weights.Scope("decoder.conv_in"), config.latent_channels, config.channels.back(),
               kConv3x3),
      mid_(config, weights.Scope("decoder.mid_block")),
      norm_out_(weights.Scope("decoder.conv_norm_out"), config.groups, config.channels.front(),
                kVaeEpsilon),
      conv_out_(weights.Scope("decoder.conv_out"), config.channels.front(), config.image_channels,
                kConv3x3) {
  if (config.post_quant_conv) {
    post_quant_.emplace(weights.Scope("post_quant_conv"), config.latent_channels,
                        config.latent_channels, kConv1x1);
  }
  int64_t in = config.channels.back();
  for (size_t step = 0; step < config.channels.size(); ++step) {
    const int64_t out = config.channels[config.channels.size() - 1 - step];
    const WeightScope scope = weights.Scope(absl::StrCat("decoder.up_blocks.", step));
    Level& level = levels_.emplace_back();
    for (int64_t i = 0; i <= config.resnets; ++i) {
      level.resnets.emplace_back(VaeResnetShape(config, in, out),
                                 scope.Scope(absl::StrCat("resnets.", i)));
      in = out;
    }
    if (step + 1 < config.channels.size()) level.upsample.emplace(out, scope.Scope("upsamplers.0"));
  }
}

at::Tensor VaeDecoder::Forward(const at::Tensor& latents) const {
  at::Tensor x = conv_in_.Forward(post_quant_ ? post_quant_->Forward(latents) : latents);
  x = mid_.Forward(x);
  for (const Level& level : levels_) {
    for (const ResnetBlock& resnet : level.resnets) x = resnet.Forward(x, /*time=*/{});
    if (level.upsample) x = level.upsample->Forward(x, 2 * x.size(2), 2 * x.size(3));
  }
  return conv_out_.Forward(norm_out_.ForwardSilu(x));
}

}  // namespace darkroom
