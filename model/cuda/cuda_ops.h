#ifndef DARKROOM_MODEL_CUDA_CUDA_OPS_H_
#define DARKROOM_MODEL_CUDA_CUDA_OPS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "model/cuda/cuda_graph.h"

namespace darkroom {

// What libdarkroom_cuda.so does better than ATen: several operations in one pass over a GPU's
// memory. Tensors are float32, float16 or bfloat16, on one GPU, and dense; kernels go on torch's
// current stream. Where there is no kernel for a shape, ATen does the same. Torch's exceptions
// pass.
struct CudaOps {
  // norm(x + shift), then SiLU when `silu`. x: [samples, channels, h, w], and the result likewise,
  // both channels last; shift: [samples, channels], or undefined.
  at::Tensor (*group_norm)(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& weight,
                           const at::Tensor& bias, int64_t groups, double epsilon, bool silu);

  // Adds `delta` to `x`, in place where there is a kernel, and returns norm(x). x, delta and the
  // result: [..., channels].
  at::Tensor (*add_layer_norm)(at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight,
                               const at::Tensor& bias, double epsilon);

  // The first half times the GELU of the second: [..., 2 * width] -> [..., width].
  at::Tensor (*geglu)(const at::Tensor& x);

  // RoundToFloat8 of model/unet/token_linear.h, into `values` and `scales`. rows: [rows, width],
  // width a multiple of 8; ATen does not take the place here.
  void (*round_to_float8)(const at::Tensor& rows, at::Tensor& values, at::Tensor& scales);

  // Values of -1 to 1 as bytes of 0 to 255: [3, height, width] -> [height, width, 3].
  at::Tensor (*pack_bytes)(const at::Tensor& pixels);

  // Does `work` once, then records it: no call in it may wait for the GPU, and every tensor that it
  // reads or writes keeps its place.
  std::unique_ptr<CudaGraph> (*record)(c10::Device gpu, absl::FunctionRef<void()> work);

  // Bytes that torch's allocator holds back for the graphs of this GPU.
  int64_t (*recorded_bytes)(c10::Device gpu);
};

// What the library exports: `const CudaOps* DarkroomCudaOps()`.
inline constexpr char kCudaOpsSymbol[] = "DarkroomCudaOps";
using CudaOpsFunction = const CudaOps* (*)();

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CUDA_CUDA_OPS_H_
