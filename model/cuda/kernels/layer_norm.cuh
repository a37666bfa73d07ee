#ifndef DARKROOM_MODEL_CUDA_KERNELS_LAYER_NORM_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_LAYER_NORM_CUH_

#include "model/cuda/kernels/vector8.cuh"
#include "model/cuda/kernels/warp.cuh"

// Layer norm, as torch.nn.LayerNorm defines it, of a residual stream to which the last layer's result
// is added on the way: sum = x + delta, y = norm(sum). A warp takes a token.

namespace darkroom::cuda {

template <typename T>
struct LayerNormTask {
  const T* x = nullptr;       // [tokens, channels]
  const T* delta = nullptr;   // As x, or none.
  const T* weight = nullptr;  // [channels]
  const T* bias = nullptr;    // [channels]
  T* sum = nullptr;           // As x; may be x. Unused without a delta.
  T* y = nullptr;             // As x.
  long tokens = 0;
  int channels = 0;  // A multiple of 8, at most kMaxLayerNormChannels.
  float epsilon = 0;
};

inline constexpr int kLayerNormThreads = 128;
inline constexpr int kVectorsPerThread = 8;
inline constexpr int kMaxLayerNormChannels = kWarp * kVectorsPerThread * kVector;

// Blocks: (tokens / warps in a block, rounded up) of kLayerNormThreads threads.
template <typename T>
__global__ void AddLayerNorm(LayerNormTask<T> task) {
  const int vectors = task.channels / kVector;
  const int lane = threadIdx.x % kWarp;
  const long token = RowOfWarp();
  if (token >= task.tokens) return;  // Whole warps leave.
  const long base = token * vectors;

  float x[kVectorsPerThread][kVector];
  float total = 0;
#pragma unroll
  for (int k = 0; k < kVectorsPerThread; ++k) {
    const int vector = k * kWarp + lane;
    if (vector >= vectors) break;
    Load8(task.x, base + vector, x[k]);
    if (task.delta != nullptr) {
      float delta[kVector];
      Load8(task.delta, base + vector, delta);
#pragma unroll
      for (int i = 0; i < kVector; ++i) x[k][i] = ToFloat(FromFloat<T>(x[k][i] + delta[i]));
      Store8(task.sum, base + vector, x[k]);
    }
#pragma unroll
    for (int i = 0; i < kVector; ++i) total += x[k][i];
  }
  const float mean = WarpSum(total) / task.channels;

  float distance = 0;
#pragma unroll
  for (int k = 0; k < kVectorsPerThread; ++k) {
    if (k * kWarp + lane >= vectors) break;
#pragma unroll
    for (int i = 0; i < kVector; ++i) distance += (x[k][i] - mean) * (x[k][i] - mean);
  }
  const float reciprocal = rsqrtf(WarpSum(distance) / task.channels + task.epsilon);

#pragma unroll
  for (int k = 0; k < kVectorsPerThread; ++k) {
    const int vector = k * kWarp + lane;
    if (vector >= vectors) break;
    float weight[kVector], bias[kVector];
    Load8(task.weight, vector, weight);
    Load8(task.bias, vector, bias);
#pragma unroll
    for (int i = 0; i < kVector; ++i) x[k][i] = (x[k][i] - mean) * reciprocal * weight[i] + bias[i];
    Store8(task.y, base + vector, x[k]);
  }
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_LAYER_NORM_CUH_
