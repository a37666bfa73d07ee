#ifndef DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
#define DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <variant>

#include "model/image_generator.h"
#include "model/sampling/cuda_noise.h"

namespace darkroom {

// Random numbers of one row, drawn one after the other from its seed alone, whoever shares its
// batch: those of `torch.Generator(device).manual_seed(seed)`. Of the seed, torch's CPU generator
// uses the low 32 bits, the CUDA generator all.
//
// The CPU generator gives other numbers in float16 and bfloat16 than in float32, so noise is drawn
// in the dtype in which diffusers draws it. What comes back is float32, on the networks' device.
class RequestNoise {
 public:
  // `placement` is the networks' device and dtype.
  RequestNoise(uint64_t seed, GeneratorDevice generator, const at::TensorOptions& placement);

  // The next numbers, normally distributed.
  at::Tensor Draw(at::IntArrayRef shape) { return Draw(shape, placement_.dtype().toScalarType()); }
  // Likewise, where diffusers draws in another dtype than the networks'.
  at::Tensor Draw(at::IntArrayRef shape, at::ScalarType dtype);

  // Another generator that goes on from here.
  RequestNoise Clone() const;

 private:
  using Generator = std::variant<at::Generator, CudaNoise>;

  RequestNoise(Generator generator, const at::TensorOptions& placement);

  Generator generator_;
  at::TensorOptions placement_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
