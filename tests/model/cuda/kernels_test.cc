// What the CUDA kernels compute, run on the CPU by tests/support/cuda_on_cpu.h. The oracle is
// torch.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/unet/token_linear.h"
#include "tests/support/cuda_on_cpu.h"  // Before the kernels.
#include "tests/support/seeded_random.h"

// clang-format off
#include "model/cuda/kernels/float8.cuh"
#include "model/cuda/kernels/group_norm.cuh"
#include "model/cuda/kernels/layer_norm.cuh"
#include "model/cuda/kernels/pointwise.cuh"
// clang-format on

namespace darkroom::cuda {
namespace {

template <typename T>
struct TypeOf;
template <>
struct TypeOf<float> {
  static constexpr at::ScalarType kType = at::kFloat;
  static constexpr double kTolerance = 1e-5;
};
template <>
struct TypeOf<__half> {
  static constexpr at::ScalarType kType = at::kHalf;
  static constexpr double kTolerance = 1e-3;
};
template <>
struct TypeOf<__nv_bfloat16> {
  static constexpr at::ScalarType kType = at::kBFloat16;
  static constexpr double kTolerance = 8e-3;
};

template <typename T>
const T* Data(const at::Tensor& t) {
  return static_cast<const T*>(t.const_data_ptr());
}
template <typename T>
T* MutableData(const at::Tensor& t) {
  return static_cast<T*>(t.mutable_data_ptr());
}

template <typename T>
class KernelsTest : public testing::Test {
 protected:
  static constexpr at::ScalarType kType = TypeOf<T>::kType;

  at::Tensor Draw(at::IntArrayRef shape, double spread = 1, double mean = 0) {
    return (at::randn(shape, at::kFloat) * spread + mean).to(kType);
  }

  // Of the larger of each value and 1.
  static void ExpectClose(const at::Tensor& actual, const at::Tensor& expected) {
    const at::Tensor off = (actual.to(at::kDouble) - expected.to(at::kDouble)).abs() /
                           expected.to(at::kDouble).abs().clamp_min(1);
    EXPECT_LE(off.max().item<double>(), TypeOf<T>::kTolerance);
  }

  // [samples, pixels, channels]
  static at::Tensor GroupNorm(const at::Tensor& x, const at::Tensor& shift,
                              const at::Tensor& weight, const at::Tensor& bias, int groups,
                              bool silu) {
    at::Tensor y = at::empty_like(x);
    const int chunks = ChunksOf(static_cast<int>(x.size(1)));
    at::Tensor moments = at::empty({x.size(0), chunks, groups, 2}, at::kFloat);
    const GroupNormTask<T> task{.x = Data<T>(x),
                                .shift = shift.defined() ? Data<T>(shift) : nullptr,
                                .weight = Data<T>(weight),
                                .bias = Data<T>(bias),
                                .y = MutableData<T>(y),
                                .moments = MutableData<float>(moments),
                                .samples = static_cast<int>(x.size(0)),
                                .pixels = static_cast<int>(x.size(1)),
                                .channels = static_cast<int>(x.size(2)),
                                .groups = groups,
                                .epsilon = 1e-5f,
                                .silu = silu};
    const Index grid{static_cast<unsigned>(chunks), static_cast<unsigned>(x.size(0))};
    const auto threads = static_cast<unsigned>(NormThreads(task.channels));
    Launch(grid, threads, [&] { GroupMoments(task); });
    Launch(grid, threads, [&] { GroupApply(task); });
    return y;
  }

  SeededRandom random_;
};

using Types = testing::Types<float, __half, __nv_bfloat16>;
TYPED_TEST_SUITE(KernelsTest, Types);

TYPED_TEST(KernelsTest, GroupNormIsTorchs) {
  at::manual_seed(this->random_.Bits());
  for (const auto& [channels, groups] :
       {std::pair(64, 4), {320, 32}, {96, 2}, {2560, 32}, {8, 1}}) {
    const auto pixels = static_cast<int64_t>(this->random_.Between(1, 300));
    const auto samples = static_cast<int64_t>(this->random_.Between(1, 2));
    const bool silu = this->random_.Between(0, 1) == 1;
    const at::Tensor x = this->Draw({samples, pixels, channels}, 2, 3);
    const at::Tensor shift =
        this->random_.Between(0, 1) == 1 ? this->Draw({samples, channels}) : at::Tensor();
    const at::Tensor weight = this->Draw({channels});
    const at::Tensor bias = this->Draw({channels});
    at::Tensor shifted = x.to(at::kDouble);
    if (shift.defined()) shifted = shifted + shift.to(at::kDouble).unsqueeze(1);
    at::Tensor expected = at::group_norm(shifted.transpose(1, 2).contiguous(), groups,
                                         weight.to(at::kDouble), bias.to(at::kDouble), 1e-5)
                              .transpose(1, 2);
    if (silu) expected = at::silu(expected);
    this->ExpectClose(this->GroupNorm(x, shift, weight, bias, groups, silu), expected);
  }
}

TYPED_TEST(KernelsTest, GroupNormOfASampleDoesNotDependOnItsCompany) {
  at::manual_seed(this->random_.Bits());
  const at::Tensor x = this->Draw({3, 200, 64});
  const at::Tensor weight = this->Draw({64});
  const at::Tensor bias = this->Draw({64});
  const at::Tensor together = this->GroupNorm(x, {}, weight, bias, 4, true);
  for (int64_t i = 0; i < x.size(0); ++i) {
    const at::Tensor alone =
        this->GroupNorm(x[i].unsqueeze(0).contiguous(), {}, weight, bias, 4, true);
    EXPECT_TRUE(at::equal(alone[0], together[i]));
  }
}

TYPED_TEST(KernelsTest, AddLayerNormIsTorchs) {
  at::manual_seed(this->random_.Bits());
  for (const int64_t channels : {8, 96, 640, 1280, 2048}) {
    const auto tokens = static_cast<int64_t>(this->random_.Between(1, 9));
    for (const bool has_delta : {false, true}) {
      const at::Tensor x = this->Draw({tokens, channels}, 3, 1);
      const at::Tensor delta = has_delta ? this->Draw({tokens, channels}) : at::Tensor();
      const at::Tensor weight = this->Draw({channels});
      const at::Tensor bias = this->Draw({channels});
      at::Tensor sum = at::empty_like(x);
      at::Tensor y = at::empty_like(x);
      const LayerNormTask<TypeParam> task{.x = Data<TypeParam>(x),
                                          .delta = has_delta ? Data<TypeParam>(delta) : nullptr,
                                          .weight = Data<TypeParam>(weight),
                                          .bias = Data<TypeParam>(bias),
                                          .sum = MutableData<TypeParam>(sum),
                                          .y = MutableData<TypeParam>(y),
                                          .tokens = tokens,
                                          .channels = static_cast<int>(channels),
                                          .epsilon = 1e-5f};
      constexpr int kTokens = kLayerNormThreads / kWarp;
      Launch({static_cast<unsigned>((tokens + kTokens - 1) / kTokens)}, kLayerNormThreads,
             [&] { AddLayerNorm(task); });
      const at::Tensor expected_sum = has_delta ? x + delta : x;
      if (has_delta) {
        EXPECT_TRUE(at::equal(sum, expected_sum));
      }
      this->ExpectClose(y, at::layer_norm(expected_sum.to(at::kDouble), {channels},
                                          weight.to(at::kDouble), bias.to(at::kDouble), 1e-5));
    }
  }
}

TYPED_TEST(KernelsTest, GegluIsTorchs) {
  at::manual_seed(this->random_.Bits());
  for (const int64_t width : {8, 96, 640}) {
    const auto tokens = static_cast<int64_t>(this->random_.Between(1, 20));
    const at::Tensor x = this->Draw({tokens, 2 * width}, 2);
    at::Tensor y = at::empty({tokens, width}, this->kType);
    const int64_t vectors = tokens * width / kVector;
    Launch({static_cast<unsigned>((vectors + kPointwiseThreads - 1) / kPointwiseThreads)},
           kPointwiseThreads, [&] {
             Geglu(Data<TypeParam>(x), MutableData<TypeParam>(y), tokens, static_cast<int>(width));
           });
    const std::vector<at::Tensor> halves = x.to(at::kDouble).chunk(2, -1);
    this->ExpectClose(y, halves[0] * at::gelu(halves[1]));
  }
}

TYPED_TEST(KernelsTest, Float8IsTorchs) {
  at::manual_seed(this->random_.Bits());
  for (const int64_t width : {8, 96, 640}) {
    const auto rows = static_cast<int64_t>(this->random_.Between(1, 9));
    at::Tensor x = this->Draw({rows, width}) * at::exp(this->Draw({rows, 1}, 2));
    x[0].zero_();
    at::Tensor y = at::empty({rows, width}, at::kFloat8_e4m3fn);
    at::Tensor scales = at::empty({rows, 1}, at::kFloat);
    const Float8Task<TypeParam> task{.x = Data<TypeParam>(x),
                                     .y = MutableData<__nv_fp8_storage_t>(y),
                                     .scales = MutableData<float>(scales),
                                     .rows = rows,
                                     .width = static_cast<int>(width),
                                     .largest = Float8Rows::kLargest,
                                     .least_magnitude = Float8Rows::kLeastMagnitude};
    constexpr unsigned kRowsOfBlock = kFloat8Threads / kWarp;
    Launch({(static_cast<unsigned>(rows) + kRowsOfBlock - 1) / kRowsOfBlock}, kFloat8Threads,
           [&] { RoundToFloat8(task); });
    const Float8Rows expected = darkroom::RoundToFloat8(x);
    EXPECT_TRUE(at::equal(scales, expected.scales));
    EXPECT_TRUE(at::equal(y.to(at::kFloat), expected.values.to(at::kFloat)));
  }
}

TYPED_TEST(KernelsTest, PackedBytesAreTorchs) {
  at::manual_seed(this->random_.Bits());
  const at::Tensor x = this->Draw({1000});
  at::Tensor y = at::empty({1000}, at::kByte);
  Launch({4}, kPointwiseThreads,
         [&] { PackBytes(Data<TypeParam>(x), MutableData<uint8_t>(y), x.numel()); });
  const at::Tensor expected = ((x.to(at::kFloat) * 0.5 + 0.5).clamp(0, 1) * 255).round();
  EXPECT_TRUE(at::equal(y, expected.to(at::kByte)));
}

}  // namespace
}  // namespace darkroom::cuda
