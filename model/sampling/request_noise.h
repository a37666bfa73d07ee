#ifndef DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
#define DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace darkroom {

// Random numbers of one row, drawn one after the other from its seed alone, whoever shares its
// batch: those of `torch.Generator("cpu").manual_seed(seed)` in float32, of which torch uses the
// low 32 bits of the seed.
class RequestNoise {
 public:
  explicit RequestNoise(uint64_t seed);

  // The next numbers, normally distributed.
  at::Tensor Draw(at::IntArrayRef shape);

  // Another generator that goes on from here.
  RequestNoise Clone() const;

 private:
  explicit RequestNoise(at::Generator generator);

  at::Generator generator_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
