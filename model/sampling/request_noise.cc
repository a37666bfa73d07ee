#include "model/sampling/request_noise.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <utility>

namespace darkroom {

RequestNoise::RequestNoise(uint64_t seed, GeneratorDevice generator,
                           const at::TensorOptions& placement)
    : generator_(generator == GeneratorDevice::kCuda
                     ? Generator(CudaNoise(seed))
                     : Generator(at::detail::createCPUGenerator(seed))),
      placement_(placement) {}

RequestNoise::RequestNoise(Generator generator, const at::TensorOptions& placement)
    : generator_(std::move(generator)), placement_(placement) {}

at::Tensor RequestNoise::Draw(at::IntArrayRef shape, at::ScalarType dtype) {
  const at::Tensor drawn =
      std::holds_alternative<CudaNoise>(generator_)
          ? std::get<CudaNoise>(generator_).Draw(shape).to(dtype)
          : at::randn(shape, std::get<at::Generator>(generator_), at::TensorOptions(dtype));
  return drawn.to(placement_.device(), at::kFloat);
}

RequestNoise RequestNoise::Clone() const {
  if (const auto* cuda = std::get_if<CudaNoise>(&generator_))
    return RequestNoise(*cuda, placement_);
  return RequestNoise(std::get<at::Generator>(generator_).clone(), placement_);
}

}  // namespace darkroom
