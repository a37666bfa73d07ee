#include "model/vae/vae.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "model/checkpoint/weights.h"

namespace darkroom {
namespace {

constexpr int64_t kPixelsAtOnce = 1 << 20;
constexpr int64_t kUntiledPixels = 1 << 21;

}  // namespace

Vae::Vae(const VaeConfig& config, const WeightScope& weights)
    : config_(config),
      placement_(weights.placement()),
      encoder_(config, weights),
      decoder_(config, weights) {}

absl::StatusOr<Vae> Vae::Load(const std::string& folder, const VaeConfig& config,
                              const at::TensorOptions& placement) {
  absl::StatusOr<Weights> weights = Weights::Open(folder, "diffusion_pytorch_model", placement);
  if (!weights.ok()) return weights.status();
  Vae vae(config, weights->Root());
  if (absl::Status s = weights->CheckComplete(); !s.ok()) return s;
  return vae;
}

template <typename Half>
at::Tensor Vae::Through(const Half& half, const at::Tensor& x, int64_t pixels,
                        const VaeTiles& tiles) const {
  const bool tiled = pixels > kUntiledPixels && std::max(x.size(2), x.size(3)) > tiles.from;
  const auto forward = [&](const at::Tensor& t) { return half.Forward(t).to(at::kFloat); };
  std::vector<at::Tensor> results;
  for (const at::Tensor& part : x.split(std::max<int64_t>(1, kPixelsAtOnce / pixels))) {
    const at::Tensor cast = part.to(dtype());
    results.push_back(tiled ? ForwardInTiles(cast, tiles, forward) : forward(cast));
  }
  return at::cat(results);
}

at::Tensor Vae::Decode(const at::Tensor& latents) const {
  const int64_t factor = config_.factor();
  const int64_t pixels = latents.size(2) * latents.size(3) * factor * factor;
  return Through(decoder_, latents / config_.scaling_factor, pixels,
                 {.from = config_.tile_side() / factor, .to = config_.tile_side()});
}

at::Tensor Vae::Encode(const at::Tensor& pixels) const {
  return Through(encoder_, pixels, pixels.size(2) * pixels.size(3),
                 {.from = config_.tile_side(), .to = config_.tile_side() / config_.factor()});
}

}  // namespace darkroom
