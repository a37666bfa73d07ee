#ifndef DARKROOM_MODEL_CUDA_KERNELS_WARP_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_WARP_CUH_

namespace darkroom::cuda {

inline constexpr int kWarp = 32;

// Where every warp takes a row: this one's.
__device__ inline long RowOfWarp() {
  return blockIdx.x * static_cast<long>(blockDim.x / kWarp) + threadIdx.x / kWarp;
}

// The sum over a warp's threads, in each of them, in an order that is always the same.
__device__ inline float WarpSum(float value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  return value;
}

// The largest over a warp's threads, in each of them.
__device__ inline float WarpMax(float value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_WARP_CUH_
