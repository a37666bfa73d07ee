#include "model/vae/vae_encoder.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"

namespace darkroom {

VaeEncoder::VaeEncoder(const VaeConfig& config, const WeightScope& weights)
    : conv_in_(weights.Scope("encoder.conv_in"), config.image_channels, config.channels.front(),
               kConv3x3),
      mid_(config, weights.Scope("encoder.mid_block")),
      norm_out_(weights.Scope("encoder.conv_norm_out"), config.groups, config.channels.back(),
                kVaeEpsilon),
      conv_out_(weights.Scope("encoder.conv_out"), config.channels.back(),
                2 * config.latent_channels, kConv3x3) {
  int64_t in = config.channels.front();
  for (size_t step = 0; step < config.channels.size(); ++step) {
    const int64_t out = config.channels[step];
    const WeightScope scope = weights.Scope(absl::StrCat("encoder.down_blocks.", step));
    Level& level = levels_.emplace_back();
    for (int64_t i = 0; i < config.resnets; ++i) {
      level.resnets.emplace_back(VaeResnetShape(config, in, out),
                                 scope.Scope(absl::StrCat("resnets.", i)));
      in = out;
    }
    if (step + 1 == config.channels.size()) continue;
    level.downsample.emplace(scope.Scope("downsamplers.0.conv"), out, out,
                             Conv2d::Shape{.kernel = 3, .stride = 2, .padding = 0});
  }
  if (config.quant_conv) {
    quant_.emplace(weights.Scope("quant_conv"), 2 * config.latent_channels,
                   2 * config.latent_channels, kConv1x1);
  }
}

at::Tensor VaeEncoder::Forward(const at::Tensor& pixels) const {
  at::Tensor x = conv_in_.Forward(pixels);
  for (const Level& level : levels_) {
    for (const ResnetBlock& resnet : level.resnets) x = resnet.Forward(x, /*time=*/{});
    // Padded at the right and the bottom alone, so that a size is halved exactly.
    if (level.downsample) x = level.downsample->Forward(at::constant_pad_nd(x, {0, 1, 0, 1}));
  }
  x = conv_out_.Forward(norm_out_.ForwardSilu(mid_.Forward(x)));
  return quant_ ? quant_->Forward(x) : x;
}

}  // namespace darkroom
