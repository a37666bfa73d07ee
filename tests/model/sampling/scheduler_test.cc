// What holds for every sampler. That the numbers are diffusers' own is proven by tests/parity.

#include "model/sampling/scheduler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <tuple>

namespace darkroom {
namespace {

constexpr int64_t kShape[] = {4, 8, 8};

// SDXL's published scheduler.
const SchedulerConfig kPublished = {.steps_offset = 1,
                                    .beta_start = 0.00085,
                                    .beta_end = 0.012,
                                    .scaled_linear = true,
                                    .clip_sample = false};

bool ThinksInSigmas(SchedulerType type) {
  return type == SchedulerType::kEuler || type == SchedulerType::kEulerAncestral ||
         type == SchedulerType::kHeun;
}

// What a UNet predicts that knows the image behind any latents.
class PerfectUNet {
 public:
  PerfectUNet(SchedulerType type, at::Tensor image)
      : in_sigmas_(ThinksInSigmas(type)),
        image_(std::move(image)),
        levels_({.start = 0.00085, .end = 0.012, .scaled_linear = true}, /*keep_finite=*/true) {}

  at::Tensor Predict(const at::Tensor& latents, float timestep) const {
    const double sigma = levels_.SigmaAt(timestep);
    if (in_sigmas_) return (latents - image_) / sigma;
    const double alpha = 1 / std::sqrt(sigma * sigma + 1);
    return (latents - alpha * image_) / (sigma * alpha);
  }

 private:
  bool in_sigmas_;
  at::Tensor image_;
  NoiseLevels levels_;
};

class EverySamplerTest : public testing::TestWithParam<std::tuple<SchedulerType, TimestepSpacing>> {
 protected:
  std::unique_ptr<Sampler> Make(int steps) const {
    return scheduler_.MakeSampler(type_, steps, spacing_);
  }

  const SchedulerType type_ = std::get<0>(GetParam());
  const TimestepSpacing spacing_ = std::get<1>(GetParam());
  const Scheduler scheduler_{kPublished};
};

TEST_P(EverySamplerTest, HasAPassForEachStepAndHeunAllButOneTwice) {
  const int extra = spacing_ == TimestepSpacing::kTrailing ? 1 : 0;
  for (int steps = 1; steps <= 50; ++steps) {
    const auto passes = static_cast<int>(Make(steps)->timesteps().size());
    const int expected = type_ == SchedulerType::kHeun ? 2 * steps - 1 : steps;
    EXPECT_GE(passes, expected) << steps;
    EXPECT_LE(passes, expected + 2 * extra) << steps;
  }
}

TEST_P(EverySamplerTest, TimestepsFallWithinTheTrainingOnes) {
  for (int steps = 1; steps <= 50; ++steps) {
    const std::unique_ptr<Sampler> sampler = Make(steps);
    const std::vector<double>& timesteps = sampler->timesteps();
    EXPECT_TRUE(std::is_sorted(timesteps.rbegin(), timesteps.rend())) << steps;
    EXPECT_LE(timesteps.front(), 999) << steps;
    EXPECT_GE(timesteps.back(), 0) << steps;
  }
}

// Not those that ask at rounded timesteps (Karras) or keep a share of their latents (LCM).
class ExactSamplerTest : public EverySamplerTest {};

TEST_P(ExactSamplerTest, APerfectUNetLeadsToTheImage) {
  RequestNoise noise(7, GeneratorDevice::kCpu, at::kFloat);
  const at::Tensor image = noise.Draw(kShape);
  const PerfectUNet unet(type_, image);
  for (const int steps : {1, 2, 3, 12}) {
    const std::unique_ptr<Sampler> sampler = Make(steps);
    at::Tensor latents = noise.Draw(kShape) * sampler->initial_sigma();
    for (size_t pass = sampler->timesteps().size(); pass > 0; --pass) {
      latents = sampler->Step(unet.Predict(latents, sampler->timestep()), latents, noise);
    }
    EXPECT_TRUE(latents.allclose(image, /*rtol=*/0, /*atol=*/1e-3)) << steps;
  }
}

TEST_P(EverySamplerTest, ACloneGoesOnAsTheOriginalWould) {
  RequestNoise noise(11, GeneratorDevice::kCpu, at::kFloat);
  const std::unique_ptr<Sampler> sampler = Make(6);
  at::Tensor latents = noise.Draw(kShape) * sampler->initial_sigma();
  for (int pass = 0; pass < 3; ++pass) {
    latents = sampler->Step(at::sin(latents), latents, noise);
  }
  const std::unique_ptr<Sampler> clone = sampler->Clone();
  RequestNoise clone_noise = noise.Clone();
  at::Tensor clone_latents = latents;
  for (int pass = 0; pass < 3; ++pass) {
    latents = sampler->Step(at::sin(latents), latents, noise);
    clone_latents = clone->Step(at::sin(clone_latents), clone_latents, clone_noise);
    EXPECT_TRUE(latents.equal(clone_latents)) << pass;
  }
}

std::string Name(const testing::TestParamInfo<EverySamplerTest::ParamType>& test) {
  constexpr const char* kTypes[] = {"Euler",         "EulerAncestral", "Dpmpp2m",
                                    "Dpmpp2mKarras", "Dpmpp2mSde",     "Ddim",
                                    "UniPc",         "Heun",           "Lcm"};
  constexpr const char* kSpacings[] = {"Leading", "Trailing", "Linspace"};
  return std::string(kTypes[static_cast<int>(std::get<0>(test.param))]) +
         kSpacings[static_cast<int>(std::get<1>(test.param))];
}

constexpr TimestepSpacing kSpacings[] = {TimestepSpacing::kLeading, TimestepSpacing::kTrailing,
                                         TimestepSpacing::kLinspace};

INSTANTIATE_TEST_SUITE_P(
    Exact, ExactSamplerTest,
    testing::Combine(testing::Values(SchedulerType::kEuler, SchedulerType::kEulerAncestral,
                                     SchedulerType::kDpmpp2m, SchedulerType::kDpmpp2mSde,
                                     SchedulerType::kDdim, SchedulerType::kUniPc,
                                     SchedulerType::kHeun),
                     testing::ValuesIn(kSpacings)),
    Name);

INSTANTIATE_TEST_SUITE_P(
    All, EverySamplerTest,
    testing::Combine(testing::Values(SchedulerType::kEuler, SchedulerType::kEulerAncestral,
                                     SchedulerType::kDpmpp2m, SchedulerType::kDpmpp2mKarras,
                                     SchedulerType::kDpmpp2mSde, SchedulerType::kDdim,
                                     SchedulerType::kUniPc, SchedulerType::kHeun,
                                     SchedulerType::kLcm),
                     testing::ValuesIn(kSpacings)),
    Name);

}  // namespace
}  // namespace darkroom
