#ifndef DARKROOM_TESTS_SUPPORT_CUDA_ON_CPU_H_
#define DARKROOM_TESTS_SUPPORT_CUDA_ON_CPU_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

// Lets a CPU run CUDA kernels, so that what they compute can be tested without a GPU: blocks one
// after the other, each thread of a block as a thread of its own. Include it before the kernels.

#undef __shared__
#define __shared__ static  // Blocks take turns.

namespace darkroom::cuda {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
inline thread_local Index threadIdx, blockIdx, blockDim, gridDim;

// The block under way.
class Block {
 public:
  explicit Block(unsigned threads) : all_(threads), values_(threads) {
    for (unsigned first = 0; first < threads; first += kThreadsOfWarp) {
      warps_.push_back(std::make_unique<std::barrier<>>(std::min(kThreadsOfWarp, threads - first)));
    }
  }

  void Synchronize() { all_.arrive_and_wait(); }
  void Leave() {
    all_.arrive_and_drop();
    warps_[threadIdx.x / kThreadsOfWarp]->arrive_and_drop();
  }
  float Exchange(float value, unsigned partner) {
    std::barrier<>& warp = *warps_[threadIdx.x / kThreadsOfWarp];
    values_[threadIdx.x] = value;
    warp.arrive_and_wait();
    const float other = values_[threadIdx.x ^ partner];
    warp.arrive_and_wait();
    return other;
  }

  static inline Block* current = nullptr;

 private:
  static constexpr unsigned kThreadsOfWarp = 32;
  std::barrier<> all_;
  std::vector<std::unique_ptr<std::barrier<>>> warps_;
  std::vector<float> values_;
};

inline void __syncthreads() { Block::current->Synchronize(); }
inline float __shfl_xor_sync(unsigned, float value, int partner) {
  return Block::current->Exchange(value, static_cast<unsigned>(partner));
}
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }

// What `kernel<<<grid, threads>>>(...)` does; `run` calls the kernel.
inline void Launch(Index grid, unsigned threads, const std::function<void()>& run) {
  for (unsigned y = 0; y < std::max(1u, grid.y); ++y) {
    for (unsigned x = 0; x < grid.x; ++x) {
      Block block(threads);
      Block::current = &block;
      std::vector<std::thread> running;
      for (unsigned thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, thread] {
          threadIdx = {thread}, blockIdx = {x, y}, blockDim = {threads}, gridDim = grid;
          run();
          block.Leave();
        });
      }
      for (std::thread& each : running) each.join();
    }
  }
}

}  // namespace darkroom::cuda

#endif  // DARKROOM_TESTS_SUPPORT_CUDA_ON_CPU_H_
