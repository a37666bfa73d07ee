#ifndef DARKROOM_MODEL_CUDA_RECORDED_GRAPH_H_
#define DARKROOM_MODEL_CUDA_RECORDED_GRAPH_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "model/cuda/cuda_graph.h"

namespace darkroom {

// CudaOps::record.
std::unique_ptr<CudaGraph> RecordGraph(c10::Device gpu, absl::FunctionRef<void()> work);

// CudaOps::recorded_bytes.
int64_t RecordedBytes(c10::Device gpu);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CUDA_RECORDED_GRAPH_H_
