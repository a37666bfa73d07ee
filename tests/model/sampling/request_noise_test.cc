#include "model/sampling/request_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr int64_t kShape[] = {4, 16, 16};

RequestNoise NoiseOf(uint64_t seed, GeneratorDevice device = GeneratorDevice::kCpu) {
  return RequestNoise(seed, device, at::kFloat);
}

at::Tensor Noise(uint64_t seed) { return NoiseOf(seed).Draw(kShape); }

class EveryDeviceTest : public testing::TestWithParam<GeneratorDevice> {};

INSTANTIATE_TEST_SUITE_P(Devices, EveryDeviceTest,
                         testing::Values(GeneratorDevice::kCpu, GeneratorDevice::kCuda));

TEST_P(EveryDeviceTest, HasTheShapeAndIsStandardNormal) {
  for (const at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor noise = RequestNoise(7, GetParam(), dtype).Draw({4, 128, 128});
    EXPECT_EQ(noise.sizes(), at::IntArrayRef({4, 128, 128}));
    EXPECT_EQ(noise.scalar_type(), at::kFloat);
    EXPECT_NEAR(noise.mean().item<double>(), 0, 0.02);
    EXPECT_NEAR(noise.std().item<double>(), 1, 0.02);
  }
}

TEST_P(EveryDeviceTest, DrawsFollowOneAnotherAndACloneGoesOnWithThem) {
  RequestNoise noise = NoiseOf(5, GetParam());
  const at::Tensor first = noise.Draw(kShape);
  EXPECT_TRUE(first.equal(NoiseOf(5, GetParam()).Draw(kShape)));
  RequestNoise clone = noise.Clone();
  const at::Tensor second = noise.Draw(kShape);
  EXPECT_FALSE(second.equal(first));
  EXPECT_TRUE(clone.Draw(kShape).equal(second));
}

TEST_P(EveryDeviceTest, ADrawMayHaveAnotherDtypeThanTheNetworks) {
  const auto half_then_float = [&](at::ScalarType networks) {
    RequestNoise noise(5, GetParam(), networks);
    return at::stack({noise.Draw(kShape, at::kHalf), noise.Draw(kShape, at::kFloat)});
  };
  EXPECT_TRUE(half_then_float(at::kFloat).equal(half_then_float(at::kBFloat16)));
}

TEST(RequestNoiseTest, ASeedAlwaysGivesTheSameAndTwoSeedsDoNot) {
  SeededRandom random;
  for (int i = 0; i < 100; ++i) {
    const uint64_t seed = random.Bits();
    EXPECT_TRUE(Noise(seed).equal(Noise(seed))) << seed;
    EXPECT_FALSE(Noise(seed).equal(Noise(seed + 1))) << seed;
  }
}

TEST(RequestNoiseTest, OtherDrawsAndTorchsOwnSeedDoNotMatter) {
  const at::Tensor alone = Noise(42);
  at::manual_seed(1);
  const at::Tensor torchs = at::randn({100});
  Noise(43);
  EXPECT_TRUE(Noise(42).equal(alone));
  // Nor does a draw of ours change torch's.
  at::manual_seed(1);
  Noise(44);
  EXPECT_TRUE(at::randn({100}).equal(torchs));
}

TEST(RequestNoiseTest, ThreadsDoNotMatter) {
  constexpr int kThreads = 8;
  std::vector<at::Tensor> drawn(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&drawn, i] { drawn[i] = Noise(static_cast<uint64_t>(i % 2)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_TRUE(drawn[i].equal(Noise(static_cast<uint64_t>(i % 2)))) << i;
  }
}

TEST(RequestNoiseTest, OnlyTheLow32BitsOfASeedCount) {
  SeededRandom random;
  for (int i = 0; i < 100; ++i) {
    const uint64_t seed = random.Bits();
    EXPECT_TRUE(Noise(seed).equal(Noise(seed & 0xFFFFFFFF))) << seed;
    EXPECT_TRUE(Noise(seed).equal(Noise(seed + (uint64_t{1} << 32)))) << seed;
  }
  EXPECT_TRUE(Noise(~uint64_t{0}).equal(Noise(0xFFFFFFFF)));
}

}  // namespace
}  // namespace darkroom
