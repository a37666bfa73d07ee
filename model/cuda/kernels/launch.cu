#include "model/cuda/kernels/launch.h"

#include "model/cuda/kernels/float8.cuh"
#include "model/cuda/kernels/group_norm.cuh"
#include "model/cuda/kernels/layer_norm.cuh"
#include "model/cuda/kernels/pointwise.cuh"

namespace darkroom::cuda {
namespace {

// `run` is called with a null pointer of the element's type.
template <typename Run>
void WithType(Element element, const Run& run) {
  switch (element) {
    case Element::kFloat: return run(static_cast<float*>(nullptr));
    case Element::kHalf: return run(static_cast<__half*>(nullptr));
    case Element::kBfloat16: return run(static_cast<__nv_bfloat16*>(nullptr));
  }
}

unsigned BlocksFor(long items, int at_once) {
  return static_cast<unsigned>((items + at_once - 1) / at_once);
}

template <typename T>
void GroupNorm(const GroupNormLaunch& l, cudaStream_t stream) {
  const GroupNormTask<T> task{static_cast<const T*>(l.x),
                              static_cast<const T*>(l.shift),
                              static_cast<const T*>(l.weight),
                              static_cast<const T*>(l.bias),
                              static_cast<T*>(l.y),
                              l.moments,
                              l.samples,
                              l.pixels,
                              l.channels,
                              l.groups,
                              l.epsilon,
                              l.silu};
  const dim3 blocks(ChunksOf(l.pixels), l.samples);
  const int threads = NormThreads(l.channels);
  GroupMoments<T><<<blocks, threads, 0, stream>>>(task);
  GroupApply<T><<<blocks, threads, 0, stream>>>(task);
}

template <typename T>
void LayerNorm(const LayerNormLaunch& l, cudaStream_t stream) {
  const LayerNormTask<T> task{static_cast<const T*>(l.x),
                              static_cast<const T*>(l.delta),
                              static_cast<const T*>(l.weight),
                              static_cast<const T*>(l.bias),
                              static_cast<T*>(l.sum),
                              static_cast<T*>(l.y),
                              l.tokens,
                              l.channels,
                              l.epsilon};
  const unsigned blocks = BlocksFor(l.tokens, kLayerNormThreads / kWarp);
  AddLayerNorm<T><<<blocks, kLayerNormThreads, 0, stream>>>(task);
}

}  // namespace

size_t MomentsOf(int samples, int pixels, int groups) {
  return static_cast<size_t>(samples) * ChunksOf(pixels) * groups * 2;
}

bool HasGroupNorm(int channels, int groups) {
  return channels % kVector == 0 && channels <= kMaxNormChannels && groups <= kMaxNormGroups;
}

void LaunchGroupNorm(Element element, const GroupNormLaunch& launch, cudaStream_t stream) {
  WithType(element, [&](auto* type) {
    GroupNorm<std::remove_pointer_t<decltype(type)>>(launch, stream);
  });
}

bool HasLayerNorm(int channels) {
  return channels % kVector == 0 && channels <= kMaxLayerNormChannels;
}

void LaunchAddLayerNorm(Element element, const LayerNormLaunch& launch, cudaStream_t stream) {
  WithType(element, [&](auto* type) {
    LayerNorm<std::remove_pointer_t<decltype(type)>>(launch, stream);
  });
}

bool HasGeglu(int width) { return width % kVector == 0; }

void LaunchGeglu(Element element, const void* x, void* y, long tokens, int width,
                 cudaStream_t stream) {
  WithType(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const unsigned blocks = BlocksFor(tokens * (width / kVector), kPointwiseThreads);
    Geglu<T><<<blocks, kPointwiseThreads, 0, stream>>>(static_cast<const T*>(x),
                                                       static_cast<T*>(y), tokens, width);
  });
}

bool HasRoundToFloat8(int width) { return width % kVector == 0; }

void LaunchRoundToFloat8(Element element, const Float8Launch& l, cudaStream_t stream) {
  WithType(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const unsigned blocks = BlocksFor(l.rows, kFloat8Threads / kWarp);
    RoundToFloat8<T><<<blocks, kFloat8Threads, 0, stream>>>(
        {static_cast<const T*>(l.x), static_cast<__nv_fp8_storage_t*>(l.y), l.scales, l.rows,
         l.width, l.largest, l.least_magnitude});
  });
}

void LaunchPackBytes(Element element, const void* x, uint8_t* y, long values, cudaStream_t stream) {
  WithType(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    PackBytes<T><<<BlocksFor(values, kPointwiseThreads), kPointwiseThreads, 0, stream>>>(
        static_cast<const T*>(x), y, values);
  });
}

}  // namespace darkroom::cuda
