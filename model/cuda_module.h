#ifndef DARKROOM_MODEL_CUDA_MODULE_H_
#define DARKROOM_MODEL_CUDA_MODULE_H_

#include "absl/status/status.h"
#include "model/cuda/cuda_ops.h"

namespace darkroom {

// Loads libdarkroom_cuda.so from ../lib/darkroom beside the program's folder, and with it
// LibTorch's CUDA half, which a program on CPUs does not need. To be called before torch is first
// asked for a GPU: it remembers that there was none. Loads once, however often it is called, on any
// thread.
//
// NOT_FOUND where the library or one that it needs is missing, FAILED_PRECONDITION where it finds
// no GPU, both with the loader's own words.
absl::Status LoadCudaModule();

// After LoadCudaModule returned OK: the library's operations, as long as the process lives.
const CudaOps& GetCudaOps();

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CUDA_MODULE_H_
