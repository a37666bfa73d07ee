#include "model/cuda/recorded_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <mutex>

namespace darkroom {
namespace {

// What all graphs of a GPU share. The memory: they take turns, and nothing that a replay leaves in
// it is read after the next one begins. And the stream that they are recorded on, since torch's
// allocator gives memory back to the stream alone that had it.
struct Recorder {
  explicit Recorder(c10::Device gpu)
      : stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, gpu.index())) {}

  c10::cuda::CUDAStream stream;
  at::MempoolId_t pool;
  int graphs = 0;     // That use the pool.
  int64_t bytes = 0;  // That the allocator reserved while graphs were recorded.
};

// A GPU has one thread that works with it; only the list is everyone's.
Recorder& RecorderOf(c10::Device gpu) {
  static std::mutex mutex;
  static std::map<c10::DeviceIndex, Recorder> recorders;
  const std::lock_guard lock(mutex);
  return recorders.try_emplace(gpu.index(), gpu).first->second;
}

// Torch forgets a pool with the last graph that used it.
class PoolUse {
 public:
  explicit PoolUse(Recorder& recorder) : recorder_(recorder) {
    if (recorder_.graphs++ > 0) return;
    recorder_.pool = at::cuda::graph_pool_handle();
    recorder_.bytes = 0;
  }
  ~PoolUse() { --recorder_.graphs; }
  PoolUse(const PoolUse&) = delete;
  PoolUse& operator=(const PoolUse&) = delete;

 private:
  Recorder& recorder_;
};

int64_t ReservedBytes(c10::Device gpu) {
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return c10::cuda::CUDACachingAllocator::getDeviceStats(gpu.index()).reserved_bytes[kAll].current;
}

class RecordedGraph final : public CudaGraph {
 public:
  RecordedGraph(c10::Device gpu, Recorder& recorder, absl::FunctionRef<void()> work)
      : use_(recorder) {
    // CUDA records no default stream. The side stream begins when all else has ended.
    c10::cuda::getCurrentCUDAStream(gpu.index()).synchronize();
    const c10::cuda::CUDAStreamGuard on_side(recorder.stream);
    work();  // Once outside the recording: libraries make their plans and handles on first use.
    recorder.stream.synchronize();
    const int64_t before = ReservedBytes(gpu);
    graph_.capture_begin(recorder.pool, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      EndQuietly(gpu, recorder.pool);
      throw;
    }
    graph_.capture_end();
    recorder.bytes += ReservedBytes(gpu) - before;
  }

  void Replay() override { graph_.replay(); }

 private:
  // Leaves the stream usable after work that threw; what it threw is what matters.
  void EndQuietly(c10::Device gpu, at::MempoolId_t pool) {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
      // The recording was no longer valid, and torch did not come to where it leaves the pool.
      c10::cuda::CUDACachingAllocator::endAllocateToPool(gpu.index(), pool);
      c10::cuda::CUDACachingAllocator::releasePool(gpu.index(), pool);
    }
  }

  PoolUse use_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<CudaGraph> RecordGraph(c10::Device gpu, absl::FunctionRef<void()> work) {
  return std::make_unique<RecordedGraph>(gpu, RecorderOf(gpu), work);
}

int64_t RecordedBytes(c10::Device gpu) { return RecorderOf(gpu).bytes; }

}  // namespace darkroom
