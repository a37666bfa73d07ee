#ifndef DARKROOM_MODEL_CUDA_KERNELS_GROUP_NORM_CUH_
#define DARKROOM_MODEL_CUDA_KERNELS_GROUP_NORM_CUH_

#include "model/cuda/kernels/vector8.cuh"

// Group norm of channels-last pixels, as torch.nn.GroupNorm defines it, with what stands around it in
// a resnet block: y = f(norm(x + shift)) with f SiLU or nothing. Two kernels: moments of chunks of
// pixels, then the values. How pixels are cut into chunks depends on an image's size alone, so that a
// sample's bits do not depend on its company.

namespace darkroom::cuda {

template <typename T>
struct GroupNormTask {
  const T* x = nullptr;      // [samples, pixels, channels]
  const T* shift = nullptr;  // [samples, channels], or none.
  const T* weight = nullptr;  // [channels]
  const T* bias = nullptr;    // [channels]
  T* y = nullptr;             // As x; may be x.
  float* moments = nullptr;   // [samples, chunks, groups, 2]: scratch.
  int samples = 0;
  int pixels = 0;
  int channels = 0;  // A multiple of 8 and of groups, at most kMaxNormChannels.
  int groups = 0;    // At most kMaxNormGroups.
  float epsilon = 0;
  bool silu = false;
};

inline constexpr int kMaxNormChannels = 4096;
inline constexpr int kMaxNormGroups = 128;
inline constexpr int kNormThreads = 512;
inline constexpr int kMaxChunks = 64;
inline constexpr int kPixelsPerChunk = 64;  // At least, unless there are fewer.

// How many chunks an image of so many pixels is cut into.
inline int ChunksOf(int pixels) {
  const int chunks = pixels / kPixelsPerChunk;
  return chunks < 1 ? 1 : chunks > kMaxChunks ? kMaxChunks : chunks;
}

// Threads of a block: one for each vector of a pixel's channels, for as many pixels as fit.
inline int NormThreads(int channels) {
  const int vectors = channels / kVector;
  return kNormThreads / vectors * vectors;
}

// The pixels of a block: [begin, end).
struct ChunkRange {
  int begin = 0;
  int end = 0;
};
__device__ inline ChunkRange RangeOf(int chunk, int chunks, int pixels) {
  return {static_cast<int>(static_cast<long>(pixels) * chunk / chunks),
          static_cast<int>(static_cast<long>(pixels) * (chunk + 1) / chunks)};
}

template <typename T>
__device__ inline void LoadShift(const GroupNormTask<T>& task, int sample, int vector,
                                 float (&shift)[kVector]) {
  if (task.shift != nullptr) {
    Load8(task.shift + static_cast<long>(sample) * task.channels, vector, shift);
    return;
  }
#pragma unroll
  for (int i = 0; i < kVector; ++i) shift[i] = 0;
}

// Mean and sum of squared distances from it, of each group in one chunk of one sample. Blocks:
// (chunks, samples) of NormThreads(channels) threads.
template <typename T>
__global__ void GroupMoments(GroupNormTask<T> task) {
  __shared__ float sums[kNormThreads * kVector];
  __shared__ float squares[kNormThreads * kVector];
  const int vectors = task.channels / kVector;
  const int rows = blockDim.x / vectors;  // Pixels at once.
  const int vector = threadIdx.x % vectors;
  const int row = threadIdx.x / vectors;
  const int sample = blockIdx.y;
  const ChunkRange range = RangeOf(blockIdx.x, gridDim.x, task.pixels);

  float shift[kVector], sum[kVector] = {}, square[kVector] = {};
  LoadShift(task, sample, vector, shift);
  const long base = static_cast<long>(sample) * task.pixels * vectors;
  for (int pixel = range.begin + row; pixel < range.end; pixel += rows) {
    float x[kVector];
    Load8(task.x, base + static_cast<long>(pixel) * vectors + vector, x);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float value = x[i] + shift[i];
      sum[i] += value;
      square[i] += value * value;
    }
  }
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    sums[row * task.channels + vector * kVector + i] = sum[i];
    squares[row * task.channels + vector * kVector + i] = square[i];
  }
  __syncthreads();

  const int width = task.channels / task.groups;
  const float count = static_cast<float>(width) * (range.end - range.begin);
  for (int group = threadIdx.x; group < task.groups; group += blockDim.x) {
    float total = 0, total_square = 0;
    for (int r = 0; r < rows; ++r) {
      float of_row = 0, square_of_row = 0;  // Sums of sums round less than one long sum.
      for (int c = group * width; c < (group + 1) * width; ++c) {
        of_row += sums[r * task.channels + c];
        square_of_row += squares[r * task.channels + c];
      }
      total += of_row;
      total_square += square_of_row;
    }
    const float mean = total / count;
    float* out = task.moments +
                 ((static_cast<long>(sample) * gridDim.x + blockIdx.x) * task.groups + group) * 2;
    out[0] = mean;
    out[1] = fmaxf(total_square - total * mean, 0.0f);
  }
}

// Mean and reciprocal standard deviation of a group of a sample, of its chunks' moments (Chan,
// Golub and LeVeque 1979).
template <typename T>
__device__ inline void CombineMoments(const GroupNormTask<T>& task, int sample, int chunks,
                                      int group, float& mean, float& reciprocal) {
  const int width = task.channels / task.groups;
  float count = 0, distance = 0;
  mean = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const ChunkRange range = RangeOf(chunk, chunks, task.pixels);
    const float more = static_cast<float>(width) * (range.end - range.begin);
    const float* moments =
        task.moments + ((static_cast<long>(sample) * chunks + chunk) * task.groups + group) * 2;
    const float delta = moments[0] - mean;
    const float all = count + more;
    mean += delta * (more / all);
    distance += moments[1] + delta * delta * (count * (more / all));
    count = all;
  }
  reciprocal = rsqrtf(distance / count + task.epsilon);
}

// The values. Blocks as GroupMoments'.
template <typename T>
__global__ void GroupApply(GroupNormTask<T> task) {
  __shared__ float means[kMaxNormGroups];
  __shared__ float reciprocals[kMaxNormGroups];
  const int vectors = task.channels / kVector;
  const int rows = blockDim.x / vectors;
  const int vector = threadIdx.x % vectors;
  const int sample = blockIdx.y;
  for (int group = threadIdx.x; group < task.groups; group += blockDim.x) {
    CombineMoments(task, sample, gridDim.x, group, means[group], reciprocals[group]);
  }
  __syncthreads();

  float shift[kVector], scale[kVector], offset[kVector];
  LoadShift(task, sample, vector, shift);
  Load8(task.weight, vector, scale);
  Load8(task.bias, vector, offset);
  const int width = task.channels / task.groups;
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    const int group = (vector * kVector + i) / width;
    scale[i] *= reciprocals[group];
    offset[i] += (shift[i] - means[group]) * scale[i];
  }
  const ChunkRange range = RangeOf(blockIdx.x, gridDim.x, task.pixels);
  const long base = static_cast<long>(sample) * task.pixels * vectors;
  for (int pixel = range.begin + threadIdx.x / vectors; pixel < range.end; pixel += rows) {
    const long place = base + static_cast<long>(pixel) * vectors + vector;
    float x[kVector];
    Load8(task.x, place, x);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      x[i] = x[i] * scale[i] + offset[i];
      if (task.silu) x[i] = x[i] / (1 + expf(-x[i]));
    }
    Store8(task.y, place, x);
  }
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_GROUP_NORM_CUH_
