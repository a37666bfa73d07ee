#ifndef DARKROOM_MODEL_CUDA_KERNELS_FLOAT8_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_FLOAT8_CUH_

#include <cuda_fp8.h>

#include "model/cuda/kernels/vector8.cuh"
#include "model/cuda/kernels/warp.cuh"

// Rounding to float8 (e4m3), each row with a scale of its own. A warp takes a row, which it reads
// twice: the second time it is still in the cache.

namespace darkroom::cuda {

template <typename T>
struct Float8Task {
  const T* x = nullptr;               // [rows, width]
  __nv_fp8_storage_t* y = nullptr;    // As x.
  float* scales = nullptr;            // [rows]: x is about y times this.
  long rows = 0;
  int width = 0;  // A multiple of 8.
  float largest = 0;          // Of float8's values.
  float least_magnitude = 0;  // That a row's largest value is taken for.
};

inline constexpr int kFloat8Threads = 128;

// Blocks: (rows / warps in a block, rounded up) of kFloat8Threads threads.
template <typename T>
__global__ void RoundToFloat8(Float8Task<T> task) {
  const int vectors = task.width / kVector;
  const int lane = threadIdx.x % kWarp;
  const long row = RowOfWarp();
  if (row >= task.rows) return;  // Whole warps leave.
  const long base = row * vectors;

  float x[kVector];
  float magnitude = task.least_magnitude;
  for (int vector = lane; vector < vectors; vector += kWarp) {
    Load8(task.x, base + vector, x);
#pragma unroll
    for (int i = 0; i < kVector; ++i) magnitude = fmaxf(magnitude, fabsf(x[i]));
  }
  const float scale = WarpMax(magnitude) / task.largest;
  if (lane == 0) task.scales[row] = scale;

  struct alignas(kVector) Rounded {
    __nv_fp8_storage_t values[kVector];
  };
  for (int vector = lane; vector < vectors; vector += kWarp) {
    Load8(task.x, base + vector, x);
    Rounded rounded;
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      rounded.values[i] = __nv_cvt_float_to_fp8(x[i] / scale, __NV_SATFINITE, __NV_E4M3);
    }
    reinterpret_cast<Rounded*>(task.y)[base + vector] = rounded;
  }
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_FLOAT8_CUH_
