#include "model/cuda/recorded_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>

namespace darkroom {
namespace {

// One for all graphs of a GPU: they take turns, and nothing that a replay leaves in it is read
// after the next one begins.
at::MempoolId_t PoolOf(c10::Device gpu) {
  static std::map<c10::DeviceIndex, at::MempoolId_t> pools;
  const auto [place, is_new] = pools.try_emplace(gpu.index());
  if (is_new) place->second = at::cuda::graph_pool_handle();
  return place->second;
}

class RecordedGraph final : public CudaGraph {
 public:
  RecordedGraph(c10::Device gpu, absl::FunctionRef<void()> work) {
    // CUDA records no default stream. The side stream begins when all else has ended.
    const c10::cuda::CUDAStream side =
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, gpu.index());
    c10::cuda::getCurrentCUDAStream(gpu.index()).synchronize();
    const c10::cuda::CUDAStreamGuard on_side(side);
    work();  // Once outside the recording: libraries make their plans and handles on first use.
    side.synchronize();
    graph_.capture_begin(PoolOf(gpu), cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      EndQuietly();
      throw;
    }
    graph_.capture_end();
  }

  void Replay() override { graph_.replay(); }

 private:
  // Leaves the stream usable after work that threw; what it threw is what matters.
  void EndQuietly() {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
    }
  }

  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<CudaGraph> RecordGraph(c10::Device gpu, absl::FunctionRef<void()> work) {
  return std::make_unique<RecordedGraph>(gpu, work);
}

}  // namespace darkroom
