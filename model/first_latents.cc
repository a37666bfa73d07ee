#include "model/first_latents.h"

#include <ATen/ATen.h>

#include <map>

#include "model/vae/rgb.h"

namespace darkroom {
namespace {

// DiagonalGaussianDistribution.sample: [2 * channels, h, w] -> [channels, h, w].
at::Tensor DrawFrom(const at::Tensor& encoded, at::ScalarType dtype, RequestNoise& noise) {
  const std::vector<at::Tensor> halves = encoded.chunk(2);
  const at::Tensor spread = at::exp(0.5 * halves[1].clamp(-30, 20));
  return halves[0] + spread * noise.Draw(halves[0].sizes(), dtype);
}

}  // namespace

std::vector<at::Tensor> EncodeInitImages(const Vae& vae,
                                         std::span<const ImageRequest* const> requests) {
  std::vector<at::Tensor> encoded;
  std::map<const RgbImage*, at::Tensor> known;
  for (const ImageRequest* request : requests) {
    const RgbImage* image = request->init_image.get();
    if (image != nullptr && !known.contains(image)) {
      known[image] = vae.Encode(FromRgb(*image).to(vae.device()).unsqueeze(0)).squeeze(0);
    }
    encoded.push_back(image == nullptr ? at::Tensor() : known[image]);
  }
  return encoded;
}

at::Tensor FirstLatents(const ImageRequest& request, const Vae& vae, const at::Tensor& encoded,
                        at::IntArrayRef shape, const Sampler& sampler, RequestNoise& noise) {
  if (!encoded.defined()) return noise.Draw(shape) * sampler.initial_sigma();
  const at::Tensor image = DrawFrom(encoded, vae.dtype(), noise) * vae.config().scaling_factor;
  if (request.denoising_start) return image;
  return sampler.AddNoise(image, noise.Draw(image.sizes()));
}

}  // namespace darkroom
