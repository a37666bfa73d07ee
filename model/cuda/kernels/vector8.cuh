#ifndef DARKROOM_MODEL_CUDA_KERNELS_VECTOR8_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_VECTOR8_CUH_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace darkroom::cuda {

// What a thread reads and writes at once: 16 bytes of halves, or twice as much of floats.
inline constexpr int kVector = 8;

template <typename T>
struct alignas(16) Vector8 {
  T values[kVector];
};

__device__ inline float ToFloat(float x) { return x; }
__device__ inline float ToFloat(__half x) { return __half2float(x); }
__device__ inline float ToFloat(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ T FromFloat(float x);
template <>
__device__ inline float FromFloat<float>(float x) {
  return x;
}
template <>
__device__ inline __half FromFloat<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ inline __nv_bfloat16 FromFloat<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

// The vector with this number in `data`, as floats.
template <typename T>
__device__ inline void Load8(const T* data, long vector, float (&values)[kVector]) {
  const Vector8<T> stored = reinterpret_cast<const Vector8<T>*>(data)[vector];
#pragma unroll
  for (int i = 0; i < kVector; ++i) values[i] = ToFloat(stored.values[i]);
}

template <typename T>
__device__ inline void Store8(T* data, long vector, const float (&values)[kVector]) {
  Vector8<T> stored;
#pragma unroll
  for (int i = 0; i < kVector; ++i) stored.values[i] = FromFloat<T>(values[i]);
  reinterpret_cast<Vector8<T>*>(data)[vector] = stored;
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_VECTOR8_CUH_
