#include "model/unet/unet.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace darkroom {

TimeEmbedding::TimeEmbedding(int64_t in, int64_t out, const WeightScope& weights)
    : widen_(weights.Scope("linear_1"), in, out), mix_(weights.Scope("linear_2"), out, out) {}

at::Tensor TimeEmbedding::Forward(const at::Tensor& x) const {
  return mix_.Forward(Silu(widen_.Forward(x)));
}

UNet::UNet(const UNetConfig& config, const WeightScope& weights)
    : config_(config),
      placement_(weights.placement()),
      time_embedding_(config.channels.front(), config.time_embedding_width,
                      weights.Scope("time_embedding")),
      added_embedding_(config.added_width, config.time_embedding_width,
                       weights.Scope("add_embedding")),
      conv_in_(weights.Scope("conv_in"), config.in_channels, config.channels.front(), kConv3x3),
      mid_(config, weights.Scope("mid_block")),
      norm_out_(weights.Scope("conv_norm_out"), config.groups, config.channels.front(),
                config.epsilon),
      conv_out_(weights.Scope("conv_out"), config.channels.front(), config.out_channels, kConv3x3) {
  for (size_t level = 0; level < config.channels.size(); ++level) {
    down_.emplace_back(config, level, weights.Scope(absl::StrCat("down_blocks.", level)));
    up_.emplace_back(config, level, weights.Scope(absl::StrCat("up_blocks.", level)));
  }
}

absl::StatusOr<UNet> UNet::Load(const std::string& folder, const at::TensorOptions& placement,
                                bool float8) {
  absl::StatusOr<UNetConfig> config = UNetConfig::Read(folder + "/config.json");
  if (!config.ok()) return config.status();
  config->float8 = float8;
  absl::StatusOr<Weights> weights = Weights::Open(folder, "diffusion_pytorch_model", placement);
  if (!weights.ok()) return weights.status();
  UNet unet(*config, weights->Root());
  if (absl::Status s = weights->CheckComplete(); !s.ok()) return s;
  return unet;
}

at::Tensor UNet::Sinusoids(const at::Tensor& values, int64_t width) const {
  const int64_t half = width / 2;
  const at::Tensor frequencies = at::exp(-std::log(10000.0) * at::arange(half, values.options()) /
                                         (static_cast<double>(half) - config_.frequency_shift));
  const at::Tensor angles = values.unsqueeze(-1) * frequencies;
  const at::Tensor sines = at::sin(angles);
  const at::Tensor cosines = at::cos(angles);
  const at::Tensor waves =
      config_.flip_sin_to_cos ? at::cat({cosines, sines}, -1) : at::cat({sines, cosines}, -1);
  return width % 2 == 0 ? waves : at::constant_pad_nd(waves, {0, 1});
}

at::Tensor UNet::EmbedTime(const Input& input) const {
  const at::Tensor time =
      time_embedding_.Forward(Sinusoids(input.timesteps, config_.channels.front()).to(dtype()));
  const at::Tensor ids = Sinusoids(input.time_ids.flatten(), config_.time_id_width)
                             .reshape({input.time_ids.size(0), -1});
  return Silu(time +
              added_embedding_.Forward(at::cat({input.pooled.to(dtype()), ids.to(dtype())}, -1)));
}

std::vector<CrossAttention::Prompt> UNet::Prepare(const at::Tensor& context) const {
  const at::Tensor cast = context.to(dtype());
  std::vector<CrossAttention::Prompt> prompts;
  for (const DownBlock& block : down_) block.Prepare(cast, prompts);
  mid_.Prepare(cast, prompts);
  for (const UpBlock& block : up_) block.Prepare(cast, prompts);
  return prompts;
}

at::Tensor UNet::Forward(const Input& input) const {
  UNetConditioning conditioning{.time = EmbedTime(input),
                                .prompts = PreparedPrompts(input.prompts)};
  at::Tensor x = conv_in_.Forward(input.latents.to(dtype()));
  std::vector<at::Tensor> skips = {x};
  for (const DownBlock& block : down_) x = block.Forward(x, conditioning, skips);
  x = mid_.Forward(x, conditioning);
  for (const UpBlock& block : up_) x = block.Forward(x, conditioning, skips);
  return conv_out_.Forward(norm_out_.ForwardSilu(x)).to(at::kFloat);
}

}  // namespace darkroom
