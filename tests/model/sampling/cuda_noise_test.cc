// Against what a GPU gave: tests/model/sampling/noise_test.py has the rest.

#include "model/sampling/cuda_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

// torch.manual_seed(0); torch.randn(8, 8, device="cuda"), as torch 2.2 prints it on a GPU.
constexpr double kSeed0[] = {
    -0.9247, -0.4253, -2.6438, 0.1452,  -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631,
    -1.6711, 2.2655,  0.3117,  -0.1842, 1.2866,  1.1820,  -0.1271, 1.2169,  1.4353,  1.0605,
    -0.4941, -1.4244, -0.7244, -1.2973, 0.0697,  -0.0074, 1.8969,  0.6878,  -0.0779, -0.8373,
    1.3506,  -0.2879, -0.5965, -0.3283, -0.9086, -0.8059, -0.7407, -0.0504, 0.5435,  1.5150,
    0.0141,  0.4532,  1.6349,  0.7124,  -0.1806, 1.0252,  -1.4622, -0.7554, -0.1836, 0.3824,
    0.3918,  -0.0830, 0.8971,  -1.1123, 0.1116,  0.4863,  -0.5499, -0.3231, -0.5469, 0.9049,
    0.2837,  0.1210,  0.4730,  -1.0823};

TEST(CudaNoiseTest, IsWhatAGpuPrinted) {
  const at::Tensor noise = CudaNoise(0).Draw({8, 8});
  ASSERT_EQ(noise.sizes(), at::IntArrayRef({8, 8}));
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(noise.flatten()[i].item<double>(), kSeed0[i], 0.5e-4 + 1e-5) << i;
  }
}

TEST(CudaNoiseTest, AllBitsOfASeedCount) {
  const at::Tensor noise = CudaNoise(7).Draw({100});
  EXPECT_TRUE(CudaNoise(7).Draw({100}).equal(noise));
  EXPECT_FALSE(CudaNoise(7 + (uint64_t{1} << 32)).Draw({100}).equal(noise));
}

}  // namespace
}  // namespace darkroom
