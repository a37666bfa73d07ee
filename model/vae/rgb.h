#ifndef DARKROOM_MODEL_VAE_RGB_H_
#define DARKROOM_MODEL_VAE_RGB_H_

#include <ATen/core/Tensor.h>

#include "model/image_generator.h"

namespace darkroom {

// 8-bit pixels and the VAE's (diffusers' VaeImageProcessor): 0 to 255 is -1 to 1, [3, height,
// width], float32; beyond that is clipped.
RgbImage ToRgb(const at::Tensor& pixels);
at::Tensor FromRgb(const RgbImage& image);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_VAE_RGB_H_
