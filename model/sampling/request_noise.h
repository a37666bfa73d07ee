#ifndef DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
#define DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace darkroom {

// Random numbers of one row, drawn from its seed alone, whoever shares its batch: the numbers of
// `torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))` in float32, of which
// torch uses the low 32 bits of the seed.
at::Tensor RequestNoise(uint64_t seed, at::IntArrayRef shape);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_REQUEST_NOISE_H_
