#ifndef DARKROOM_MODEL_CUDA_KERNELS_POINTWISE_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_POINTWISE_CUH_

#include <cstdint>

#include "model/cuda/kernels/vector8.cuh"

// What happens to each value alone, several operations in one pass over memory.

namespace darkroom::cuda {

inline constexpr int kPointwiseThreads = 256;

// x * Phi(x).
__device__ inline float ExactGelu(float x) {
  constexpr float kSqrtHalf = 0.70710678118654752f;
  return 0.5f * x * (1 + erff(x * kSqrtHalf));
}

// [tokens, 2 * width] -> [tokens, width]: the first half times the GELU of the second (arXiv
// 2002.05202). Width is a multiple of 8. A thread for each vector of y, in blocks of
// kPointwiseThreads.
template <typename T>
__global__ void Geglu(const T* x, T* y, long tokens, int width) {
  const int vectors = width / kVector;
  const long place = blockIdx.x * static_cast<long>(blockDim.x) + threadIdx.x;
  if (place >= tokens * vectors) return;
  const long token = place / vectors;
  const long vector = place % vectors;
  float value[kVector], gate[kVector];
  Load8(x, 2 * token * vectors + vector, value);
  Load8(x, (2 * token + 1) * vectors + vector, gate);
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    // Rounded as the GELU's own result would be, were it stored.
    value[i] *= ToFloat(FromFloat<T>(ExactGelu(gate[i])));
  }
  Store8(y, place, value);
}

// Values of about -1 to 1 -> 0 to 255, halves to even. A thread for each value, in blocks of
// kPointwiseThreads.
template <typename T>
__global__ void PackBytes(const T* x, uint8_t* y, long values) {
  const long place = blockIdx.x * static_cast<long>(blockDim.x) + threadIdx.x;
  if (place >= values) return;
  const float share = fminf(fmaxf(ToFloat(x[place]) * 0.5f + 0.5f, 0.0f), 1.0f);
  y[place] = static_cast<uint8_t>(rintf(share * 255));
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_POINTWISE_CUH_
