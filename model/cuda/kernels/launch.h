#ifndef DARKROOM_MODEL_CUDA_KERNELS_LAUNCH_H_
#define DARKROOM_MODEL_CUDA_KERNELS_LAUNCH_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace darkroom::cuda {

// Puts kernels on a stream. Pointers are to the stream's device, aligned to 16 bytes; sizes are as
// the kernels' own headers say. Errors are the runtime's: cudaGetLastError tells.

enum class Element { kFloat, kHalf, kBfloat16 };

struct GroupNormLaunch {
  const void* x;      // [samples, pixels, channels]
  const void* shift;  // [samples, channels], or null.
  const void* weight;
  const void* bias;
  void* y;
  float* moments;  // MomentsOf(...) floats.
  int samples, pixels, channels, groups;
  float epsilon;
  bool silu;
};
size_t MomentsOf(int samples, int pixels, int groups);
// Whether there is a kernel for so many channels and groups.
bool HasGroupNorm(int channels, int groups);
void LaunchGroupNorm(Element element, const GroupNormLaunch& launch, cudaStream_t stream);

struct LayerNormLaunch {
  const void* x;      // [tokens, channels]
  const void* delta;  // Likewise, or null.
  const void* weight;
  const void* bias;
  void* sum;  // Unused without a delta.
  void* y;
  long tokens;
  int channels;
  float epsilon;
};
bool HasLayerNorm(int channels);
void LaunchAddLayerNorm(Element element, const LayerNormLaunch& launch, cudaStream_t stream);

bool HasGeglu(int width);
void LaunchGeglu(Element element, const void* x, void* y, long tokens, int width,
                 cudaStream_t stream);

// What RoundToFloat8 of model/unet/token_linear.h does.
struct Float8Launch {
  const void* x;  // [rows, width]
  void* y;        // Likewise, float8.
  float* scales;  // [rows]
  long rows;
  int width;
  float largest, least_magnitude;
};
bool HasRoundToFloat8(int width);
void LaunchRoundToFloat8(Element element, const Float8Launch& launch, cudaStream_t stream);

void LaunchPackBytes(Element element, const void* x, uint8_t* y, long values, cudaStream_t stream);

}  // namespace darkroom::cuda

#endif  // DARKROOM_MODEL_CUDA_KERNELS_LAUNCH_H_
