#ifndef DARKROOM_MODEL_GPU_H_
#define DARKROOM_MODEL_GPU_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace darkroom {

// A GPU as the pipeline uses it. Torch's exceptions pass.

// Loads the CUDA module and readies torch for a GPU, by its number: float32 stays float32, sums of
// halves are taken in float32, and with `same_bits` only algorithms are used that give the same
// bits each time. LoadCudaModule's errors, INVALID_ARGUMENT for a number that no GPU has, and
// FAILED_PRECONDITION where another cuDNN than LibTorch's own was loaded: with some, attention is
// slow or wrong without a word.
absl::StatusOr<c10::Device> OpenGpu(int number, bool same_bits);

// The versions of the CUDA runtime and cuDNN that are loaded, for people.
std::string GpuLibraries();

// Waits until the GPU has done all that it was given.
void WaitForGpu(c10::Device gpu);

// Likewise, and says whether it still does what it is given. Throws nothing of torch's.
bool StillWorks(c10::Device gpu);

// How many bytes more than before torch's allocator held on the GPU at some time during `work`.
int64_t GpuPeakBytesOf(c10::Device gpu, absl::FunctionRef<void()> work);

// What torch may still take: free on the GPU, or held back by torch's allocator, but not for
// graphs.
int64_t GpuAvailableBytes(c10::Device gpu);
int64_t GpuTotalBytes(c10::Device gpu);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_GPU_H_
