#include "model/sampling/request_noise.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <utility>

namespace darkroom {

RequestNoise::RequestNoise(uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

RequestNoise::RequestNoise(at::Generator generator) : generator_(std::move(generator)) {}

at::Tensor RequestNoise::Draw(at::IntArrayRef shape) {
  return at::randn(shape, generator_, at::TensorOptions(at::kFloat));
}

RequestNoise RequestNoise::Clone() const { return RequestNoise(generator_.clone()); }

}  // namespace darkroom
