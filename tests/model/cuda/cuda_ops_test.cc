// The CUDA module on a GPU. The oracle is torch. Part of `make gpu-check`, for it needs one.

#include "model/cuda/cuda_ops.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/cuda_module.h"
#include "model/gpu.h"
#include "model/unet/token_linear.h"
#include "model/unet/unet_runner.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

// The larger part of each value and 1 by which a result may be off: rounding once in its dtype.
double ToleranceOf(at::ScalarType dtype) {
  switch (dtype) {
    case at::kHalf: return 1e-3;
    case at::kBFloat16: return 8e-3;
    default: return 1e-5;
  }
}

class CudaOpsTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  static void SetUpTestSuite() { ASSERT_OK(OpenGpu(0, /*same_bits=*/false)); }

  void SetUp() override { at::manual_seed(random_.Bits()); }

  at::Tensor Draw(at::IntArrayRef shape, double spread = 1, double mean = 0) {
    return (at::randn(shape, at::kFloat) * spread + mean).to(at::Device(at::kCUDA), GetParam());
  }

  void ExpectClose(const at::Tensor& actual, const at::Tensor& expected, int roundings = 1) {
    ASSERT_EQ(actual.sizes(), expected.sizes());
    const at::Tensor wanted = expected.to(at::kDouble);
    const at::Tensor off = (actual.to(at::kDouble) - wanted).abs() / wanted.abs().clamp_min(1);
    EXPECT_LE(off.max().item<double>(), roundings * ToleranceOf(GetParam()));
  }

  const c10::InferenceMode inference_;
  SeededRandom random_;
};

TEST_P(CudaOpsTest, GroupNormIsTorchs) {
  // SDXL's, the embedded model's, and some that have no kernel.
  for (const auto& [channels, groups] : std::vector<std::pair<int64_t, int64_t>>{
           {320, 32}, {640, 32}, {2560, 32}, {128, 32}, {64, 4}, {32, 2}, {12, 3}, {8192, 32}}) {
    const auto side = static_cast<int64_t>(random_.Between(1, 65));
    const at::Tensor x =
        Draw({2, channels, side, side}, 2, 3).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor weight = Draw({channels});
    const at::Tensor bias = Draw({channels});
    for (const bool shifted : {false, true}) {
      const at::Tensor shift = shifted ? Draw({2, channels}) : at::Tensor();
      at::Tensor wanted = x.to(at::kDouble);
      if (shifted) wanted = wanted + shift.to(at::kDouble).unsqueeze(-1).unsqueeze(-1);
      wanted = at::silu(at::group_norm(wanted.contiguous(), groups, weight.to(at::kDouble),
                                       bias.to(at::kDouble), 1e-5));
      const at::Tensor made =
          GetCudaOps().group_norm(x, shift, weight, bias, groups, 1e-5, /*silu=*/true);
      EXPECT_TRUE(made.is_contiguous(at::MemoryFormat::ChannelsLast));
      // Where there is no kernel, sum, norm and SiLU are rounded one after the other.
      const bool has_kernel = channels % 8 == 0 && channels < 8192;
      ExpectClose(made, wanted, has_kernel ? 1 : 3);
    }
  }
}

TEST_P(CudaOpsTest, GroupNormOfASampleHasTheSameBitsInCompany) {
  const at::Tensor x = Draw({8, 320, 64, 64}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor weight = Draw({320});
  const at::Tensor bias = Draw({320});
  const auto norm = [&](const at::Tensor& t) {
    return GetCudaOps().group_norm(t, {}, weight, bias, 32, 1e-5, /*silu=*/true);
  };
  const at::Tensor together = norm(x);
  for (int64_t i = 0; i < x.size(0); ++i) {
    EXPECT_TRUE(at::equal(norm(x.narrow(0, i, 1))[0], together[i]));
  }
}

TEST_P(CudaOpsTest, AddLayerNormIsTorchs) {
  for (const int64_t channels : {64, 640, 1280, 2048, 12, 4096}) {
    const at::Tensor x = Draw({2, 77, channels}, 3, 1);
    const at::Tensor delta = Draw({2, 77, channels});
    const at::Tensor weight = Draw({channels});
    const at::Tensor bias = Draw({channels});
    const auto wanted = [&](const at::Tensor& t) {
      return at::layer_norm(t.to(at::kDouble), {channels}, weight.to(at::kDouble),
                            bias.to(at::kDouble), 1e-5);
    };
    at::Tensor sum = x.clone();
    ExpectClose(GetCudaOps().add_layer_norm(sum, delta, weight, bias, 1e-5), wanted(x + delta));
    EXPECT_TRUE(at::equal(sum, x + delta));
    at::Tensor same = x.clone();
    ExpectClose(GetCudaOps().add_layer_norm(same, {}, weight, bias, 1e-5), wanted(x));
    EXPECT_TRUE(at::equal(same, x));
  }
}

TEST_P(CudaOpsTest, GegluIsTorchs) {
  for (const int64_t width : {128, 2560, 5120, 12}) {
    const at::Tensor x = Draw({2, 100, 2 * width}, 2);
    const std::vector<at::Tensor> halves = x.to(at::kDouble).chunk(2, -1);
    ExpectClose(GetCudaOps().geglu(x), halves[0] * at::gelu(halves[1]));
  }
}

TEST_P(CudaOpsTest, Float8RowsAreThoseOfTheCpu) {
  for (const int64_t width : {32, 640, 5120}) {
    const at::Tensor rows = Draw({77, width}, 3);
    const Float8Rows made = RoundToFloat8(rows), wanted = RoundToFloat8(rows.cpu());
    EXPECT_TRUE(at::equal(made.scales.cpu(), wanted.scales));
    EXPECT_TRUE(at::equal(made.values.cpu().to(at::kFloat), wanted.values.to(at::kFloat)));
  }
}

TEST_P(CudaOpsTest, ProductsInFloat8AreThoseOfTheCpu) {
  if (GetParam() == at::kFloat) return;  // The network has halves there.
  const at::Tensor x = Draw({2, 300, 640}), weight = Draw({1280, 640});
  for (const bool has_bias : {false, true}) {
    const at::Tensor bias = has_bias ? Draw({1280}) : at::Tensor();
    const at::Tensor made = TokenLinear(weight, bias, /*float8=*/true).Forward(x).cpu();
    const TokenLinear on_cpu(weight.cpu(), has_bias ? bias.cpu() : bias, /*float8=*/true);
    // Sums are of 640 products about 1 large, in another order.
    EXPECT_TRUE(
        at::allclose(made.to(at::kFloat), on_cpu.Forward(x.cpu()).to(at::kFloat), 2e-2, 0.5));
  }
}

TEST_P(CudaOpsTest, PackedBytesAreTorchs) {
  const at::Tensor pixels = Draw({3, 33, 65});
  const at::Tensor wanted = ((pixels.to(at::kFloat) * 0.5 + 0.5).clamp(0, 1) * 255).round();
  EXPECT_TRUE(at::equal(GetCudaOps().pack_bytes(pixels),
                        wanted.to(at::kByte).permute({1, 2, 0}).contiguous()));
}

TEST_P(CudaOpsTest, AReplayedGraphComputesAnew) {
  const at::Tensor x = Draw({4, 64});
  const at::Tensor weight = Draw({64, 64});
  at::Tensor y;
  const auto graph = GetCudaOps().record(x.device(), [&] { y = at::silu(at::linear(x, weight)); });
  for (int i = 0; i < 3; ++i) {
    x.copy_(Draw({4, 64}));
    graph->Replay();
    EXPECT_TRUE(at::allclose(y, at::silu(at::linear(x, weight)), 1e-2, 1e-2));
  }
}

TEST_P(CudaOpsTest, RecordedPassesAreThoseOfTheUNet) {
  const at::TensorOptions placement = at::TensorOptions(at::kCUDA).dtype(GetParam());
  const auto unet = UNet::Load("models/emoji/unet", placement);
  ASSERT_OK(unet);
  UNetRunner runner(*unet);
  for (const int64_t samples : {2, 3, 2, 16, 3}) {
    std::vector<at::Tensor> contexts;
    for (int64_t i = 0; i < samples; ++i) contexts.push_back(Draw({77, 96}));
    for (int step = 0; step < 2; ++step) {  // The second with the same prompts.
      const UNetRunner::Pass pass{.latents = Draw({samples, 4, 16, 16}).to(at::kFloat),
                                  .timesteps = at::rand({samples}, at::kCUDA) * 999,
                                  .contexts = contexts,
                                  .pooled = Draw({samples, 64}),
                                  .time_ids = at::rand({samples, 6}, at::kCUDA) * 64};
      const auto prompts = unet->Prepare(at::stack(contexts));
      const at::Tensor wanted = unet->Forward({.latents = pass.latents,
                                               .timesteps = pass.timesteps,
                                               .prompts = prompts,
                                               .pooled = pass.pooled,
                                               .time_ids = pass.time_ids});
      EXPECT_TRUE(at::allclose(runner.Predict(pass), wanted, 2e-2, 2e-2)) << samples;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, CudaOpsTest, testing::Values(at::kFloat, at::kHalf, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace darkroom
