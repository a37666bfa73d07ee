#ifndef DARKROOM_MODEL_GUIDANCE_H_
#define DARKROOM_MODEL_GUIDANCE_H_

#include <ATen/core/Tensor.h>

namespace darkroom {

// Classifier-free guidance of rows, each with its own scale: from what is not wanted towards what
// is (arXiv 2207.12598). Where `rescale` is above 0, the spread of the result is kept near that of
// `wanted` by that share (section 3.4 of arXiv 2305.08891; diffusers' rescale_noise_cfg).
//
// wanted, unwanted: [rows, channels, h, w]; scale, rescale: [rows, 1, 1, 1].
at::Tensor Guide(const at::Tensor& wanted, const at::Tensor& unwanted, const at::Tensor& scale,
                 const at::Tensor& rescale);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_GUIDANCE_H_
