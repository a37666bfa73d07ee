#include "model/vae/latent_preview.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace darkroom {
namespace {

constexpr uint64_t kSeed = 0;
constexpr int64_t kSide = 16;  // In latents.
// Latents of one colour, a side: decoders look at a latent's neighbours, and those of images are
// alike.
constexpr int64_t kPatch = 4;

at::Tensor DrawLatents(int64_t channels) {
  const at::Tensor colours = at::randn({1, channels, kSide / kPatch, kSide / kPatch},
                                       at::detail::createCPUGenerator(kSeed), at::kFloat);
  return colours.repeat_interleave(kPatch, 2).repeat_interleave(kPatch, 3);
}

// [channels, h, w] -> [h * w, channels + 1]: what the weights are multiplied with.
at::Tensor RowsOf(const at::Tensor& latents) {
  const at::Tensor channels = latents.flatten(1).t();
  return at::cat({channels, at::ones({channels.size(0), 1}, channels.options())}, 1);
}

}  // namespace

LatentPreview::LatentPreview(const Vae& vae) {
  const at::Tensor latents = DrawLatents(vae.config().latent_channels);
  const int64_t factor = vae.config().factor();
  const at::Tensor pixels =
      at::avg_pool2d(vae.Decode(latents.to(vae.device())), {factor, factor}).squeeze(0).cpu();
  weights_ =
      at::linalg_pinv(RowsOf(latents.squeeze(0))).matmul(pixels.flatten(1).t()).to(vae.device());
}

at::Tensor LatentPreview::Decode(const at::Tensor& latents) const {
  return RowsOf(latents).matmul(weights_).t().unflatten(1, latents.sizes().slice(1));
}

}  // namespace darkroom
