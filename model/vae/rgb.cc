#include "model/vae/rgb.h"

#include <ATen/ATen.h>

#include "model/cuda_module.h"

namespace darkroom {
namespace {

// [3, height, width] of -1 to 1 -> [height, width, 3]
at::Tensor PackBytes(const at::Tensor& pixels) {
  if (pixels.is_cuda()) return GetCudaOps().pack_bytes(pixels);
  const at::Tensor bytes = ((pixels * 0.5 + 0.5).clamp(0, 1) * 255).round().to(at::kByte);
  return bytes.permute({1, 2, 0}).contiguous();
}

}  // namespace

RgbImage ToRgb(const at::Tensor& pixels) {
  const at::Tensor bytes = PackBytes(pixels).cpu();
  RgbImage image;
  image.size = {static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1))};
  image.pixels.assign(bytes.const_data_ptr<uint8_t>(),
                      bytes.const_data_ptr<uint8_t>() + bytes.numel());
  return image;
}

at::Tensor FromRgb(const RgbImage& image) {
  at::Tensor bytes =
      at::empty({image.size.height, image.size.width, 3}, at::TensorOptions(at::kByte));
  std::copy(image.pixels.begin(), image.pixels.end(), bytes.mutable_data_ptr<uint8_t>());
  return bytes.to(at::kFloat).div(255).permute({2, 0, 1}).contiguous() * 2 - 1;
}

}  // namespace darkroom
