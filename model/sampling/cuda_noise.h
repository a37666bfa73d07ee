#ifndef DARKROOM_MODEL_SAMPLING_CUDA_NOISE_H_
#define DARKROOM_MODEL_SAMPLING_CUDA_NOISE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace darkroom {

// The normal numbers of `torch.Generator("cuda").manual_seed(seed)`, computed on the CPU: Philox
// 4x32-10 with torch's counters (arXiv: Salmon et al., SC 2011; ATen's DistributionTemplates.h),
// and cuRAND's Box-Muller transform. The integers are the same; the normals differ from a GPU's in
// the last bits, by less than 1e-5, for a GPU's sine and cosine are approximations.
//
// Torch deals a draw out to at most as many threads as the GPU holds at once, so a larger draw
// depends on the GPU. It is computed here as a GPU of 132 multiprocessors with 2048 threads each
// (an H100 or H200) does; up to 270336 numbers every GPU that has no less agrees.
class CudaNoise {
 public:
  explicit CudaNoise(uint64_t seed) : seed_(seed) {}

  // The next numbers, float32.
  at::Tensor Draw(at::IntArrayRef shape);

 private:
  uint64_t seed_;
  uint64_t offset_ = 0;  // In groups of four integers, of every thread.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_CUDA_NOISE_H_
