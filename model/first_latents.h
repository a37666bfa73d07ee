#ifndef DARKROOM_MODEL_FIRST_LATENTS_H_
#define DARKROOM_MODEL_FIRST_LATENTS_H_

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "model/image_generator.h"
#include "model/sampling/request_noise.h"
#include "model/sampling/sampler.h"
#include "model/vae/vae.h"

namespace darkroom {

// What the VAE makes of each request's init_image, every distinct image encoded once: mean and
// logarithm of the variance, [2 * channels, h, w]; undefined for text-to-image.
std::vector<at::Tensor> EncodeInitImages(const Vae& vae,
                                         std::span<const ImageRequest* const> requests);

// Where a row of that shape [channels, h, w] begins: at noise alone, or, with what the VAE made of
// its image, at a draw from that and then noise, both from the row's own generator
// (StableDiffusionXLPipeline and StableDiffusionXLImg2ImgPipeline.prepare_latents). The sampler has
// skipped what the row leaves out.
at::Tensor FirstLatents(const ImageRequest& request, const Vae& vae, const at::Tensor& encoded,
                        at::IntArrayRef shape, const Sampler& sampler, RequestNoise& noise);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_FIRST_LATENTS_H_
