#include "model/sampling/request_noise.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <utility>

namespace darkroom {

RequestNoise::RequestNoise(uint64_t seed, GeneratorDevice device, at::ScalarType dtype)
    : generator_(device == GeneratorDevice::kCuda
                     ? Generator(CudaNoise(seed))
                     : Generator(at::detail::createCPUGenerator(seed))),
      dtype_(dtype) {}

RequestNoise::RequestNoise(Generator generator, at::ScalarType dtype)
    : generator_(std::move(generator)), dtype_(dtype) {}

at::Tensor RequestNoise::Draw(at::IntArrayRef shape, at::ScalarType dtype) {
  const at::Tensor drawn =
      std::holds_alternative<CudaNoise>(generator_)
          ? std::get<CudaNoise>(generator_).Draw(shape).to(dtype)
          : at::randn(shape, std::get<at::Generator>(generator_), at::TensorOptions(dtype));
  return drawn.to(at::kFloat);
}

RequestNoise RequestNoise::Clone() const {
  if (const auto* cuda = std::get_if<CudaNoise>(&generator_)) return RequestNoise(*cuda, dtype_);
  return RequestNoise(std::get<at::Generator>(generator_).clone(), dtype_);
}

}  // namespace darkroom
