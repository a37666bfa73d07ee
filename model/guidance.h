#ifndef DARKROOM_MODEL_GUIDANCE_H_
#define DARKROOM_MODEL_GUIDANCE_H_

#include <ATen/core/Tensor.h>

namespace darkroom {

// Classifier-free guidance of one row: from what is not wanted towards what is (arXiv 2207.12598).
// With `rescale` above 0, the spread of the result is kept near that of `wanted` by that share
// (section 3.4 of arXiv 2305.08891; diffusers' rescale_noise_cfg).
//
// One row at a time, because torch adds one row's squares in another order than several rows'.
at::Tensor Guide(const at::Tensor& wanted, const at::Tensor& unwanted, double scale,
                 double rescale);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_GUIDANCE_H_
