// What holds for every schedule. That the numbers are diffusers' own is proven by tests/parity.

#include "model/sampling/euler_discrete.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using testing::HasSubstr;

constexpr char kConfig[] = "models/emoji/scheduler/scheduler_config.json";
constexpr TimestepSpacing kSpacings[] = {TimestepSpacing::kLeading, TimestepSpacing::kTrailing,
                                         TimestepSpacing::kLinspace};

// SDXL's published scheduler.
EulerDiscrete Published() {
  return EulerDiscrete(
      {.beta_start = 0.00085, .beta_end = 0.012, .scaled_linear = true, .steps_offset = 1});
}

bool Falls(const std::vector<float>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::less_equal<>()) == values.end();
}

class EveryScheduleTest : public testing::TestWithParam<TimestepSpacing> {
 protected:
  void ForEach(const std::function<void(int steps, const EulerDiscrete::Schedule&)>& check) {
    const EulerDiscrete scheduler = Published();
    for (int steps = 1; steps <= 300; ++steps) {
      SCOPED_TRACE(steps);
      check(steps, scheduler.MakeSchedule(steps, GetParam()));
    }
  }
};

TEST_P(EveryScheduleTest, HasOneTimestepForEachStepAndOneSigmaMore) {
  ForEach([](int steps, const EulerDiscrete::Schedule& schedule) {
    const auto length = static_cast<int>(schedule.timesteps.size());
    EXPECT_GE(length, steps);
    EXPECT_LE(length, steps + (GetParam() == TimestepSpacing::kTrailing ? 1 : 0));
    EXPECT_EQ(schedule.sigmas.size(), schedule.timesteps.size() + 1);
  });
}

TEST_P(EveryScheduleTest, TimestepsFallWithinTheTrainingOnes) {
  ForEach([](int, const EulerDiscrete::Schedule& schedule) {
    EXPECT_TRUE(Falls(schedule.timesteps));
    EXPECT_LE(schedule.timesteps.front(), 999);
    // diffusers' trailing spacing ends one too far where it has a step too many.
    EXPECT_GE(schedule.timesteps.back(), GetParam() == TimestepSpacing::kTrailing ? -1 : 0);
  });
}

TEST_P(EveryScheduleTest, SigmasFallToZeroWhichIsTheLastAlone) {
  ForEach([](int, const EulerDiscrete::Schedule& schedule) {
    // Timesteps -1 and 0 have the same sigma.
    EXPECT_TRUE(std::is_sorted(schedule.sigmas.rbegin(), schedule.sigmas.rend()));
    EXPECT_EQ(schedule.sigmas.back(), 0);
    EXPECT_GT(schedule.sigmas[schedule.sigmas.size() - 2], 0);
  });
}

TEST_P(EveryScheduleTest, NoiseStartsAtTheFirstSigmaOrAsLeadingWasTrained) {
  ForEach([](int, const EulerDiscrete::Schedule& schedule) {
    const float first = schedule.sigmas.front();
    const bool leading = GetParam() == TimestepSpacing::kLeading;
    EXPECT_FLOAT_EQ(schedule.initial_sigma, leading ? std::sqrt(first * first + 1) : first);
  });
}

TEST_P(EveryScheduleTest, EndsLieWhereTheSpacingPutsThem) {
  ForEach([](int steps, const EulerDiscrete::Schedule& schedule) {
    const float first = schedule.timesteps.front();
    const float last = schedule.timesteps.back();
    switch (GetParam()) {
      case TimestepSpacing::kLeading:  // Starts late, ends at the offset.
        EXPECT_EQ(last, 1);
        EXPECT_EQ(first, static_cast<float>((steps - 1) * (1000 / steps) + 1));
        break;
      case TimestepSpacing::kTrailing:  // Starts at pure noise, ends early.
        EXPECT_EQ(first, 999);
        EXPECT_LT(last, 1000.0 / steps);
        break;
      case TimestepSpacing::kLinspace:  // Takes both ends, if it has two steps.
        EXPECT_EQ(first, steps == 1 ? 0 : 999);
        EXPECT_EQ(last, 0);
    }
  });
}

std::string SpacingName(const testing::TestParamInfo<TimestepSpacing>& test) {
  constexpr const char* kNames[] = {"Leading", "Trailing", "Linspace"};
  return kNames[static_cast<int>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(Spacings, EveryScheduleTest, testing::ValuesIn(kSpacings), SpacingName);

TEST(EulerDiscreteTest, TrailingNowAndThenHasOneStepMoreAsInDiffusers) {
  const auto length = [](int steps) {
    return Published().MakeSchedule(steps, TimestepSpacing::kTrailing).timesteps.size();
  };
  EXPECT_EQ(length(60), 60u);
  EXPECT_EQ(length(61), 62u);
  EXPECT_EQ(length(62), 62u);
}

TEST(EulerDiscreteTest, SigmaIsTheRootOfNoiseOverSignal) {
  // One training step: alpha = 1 - beta.
  const EulerDiscrete scheduler({.train_timesteps = 1, .beta_start = 0.2, .beta_end = 0.2});
  const auto schedule = scheduler.MakeSchedule(1, TimestepSpacing::kLinspace);
  EXPECT_THAT(schedule.sigmas, testing::ElementsAre(testing::FloatEq(0.5), 0));
}

TEST(EulerDiscreteTest, AStepToZeroTakesAllOfThePredictedNoiseAway) {
  const at::Tensor noise = at::arange(48, at::kFloat).view({3, 1, 4, 4});
  const at::Tensor image = at::ones({3, 1, 4, 4});
  const at::Tensor sigmas = at::tensor({14.6f, 1.0f, 0.03f}).view({3, 1, 1, 1});
  const at::Tensor done = EulerStep(image + sigmas * noise, noise, sigmas, at::zeros_like(sigmas));
  EXPECT_TRUE(done.allclose(image, /*rtol=*/0, /*atol=*/1e-4));
}

TEST(EulerDiscreteTest, EveryRowStepsByItsOwnSigmas) {
  const at::Tensor latents = at::randn({3, 4, 8, 8}), noise = at::randn({3, 4, 8, 8});
  const at::Tensor sigmas = at::tensor({9.0f, 3.0f, 1.0f}).view({3, 1, 1, 1});
  const at::Tensor next = at::tensor({8.0f, 1.0f, 0.0f}).view({3, 1, 1, 1});
  const at::Tensor together = EulerStep(latents, noise, sigmas, next);
  const at::Tensor scaled = ScaleModelInput(latents, sigmas);
  for (int64_t i = 0; i < 3; ++i) {
    const auto row = [&](const at::Tensor& all) { return all.slice(0, i, i + 1); };
    EXPECT_TRUE(row(together).equal(EulerStep(row(latents), row(noise), row(sigmas), row(next))));
    EXPECT_TRUE(row(scaled).equal(ScaleModelInput(row(latents), row(sigmas))));
  }
  EXPECT_TRUE(ScaleModelInput(latents, at::zeros({3, 1, 1, 1})).equal(latents));
}

TEST(EulerConfigTest, EmbeddedModelsFileIsRead) {
  const auto config = EulerConfig::Read(kConfig);
  ASSERT_OK(config);
  EXPECT_EQ(config->train_timesteps, 1000);
  EXPECT_GT(config->beta_end, config->beta_start);
}

TEST(EulerConfigTest, WhatIsNotSupportedIsRefusedByKey) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, nlohmann::json>> refused = {
      {"prediction_type", "v_prediction"},
      {"use_karras_sigmas", true},
      {"timestep_spacing", "uniform"},
      {"beta_schedule", "squaredcos_cap_v2"},
      {"final_sigmas_type", "sigma_min"},
      {"rescale_betas_zero_snr", true},
      {"trained_betas", {0.1, 0.2}},
      {"num_train_timesteps", 0},
      {"num_train_timesteps", 100'001},
      {"beta_start", 0},
      {"beta_start", 0.5},
      {"beta_end", 1},
      {"_class_name", "DDIMScheduler"},
      {"a_setting_of_tomorrow", 1}};
  for (const auto& [key, value] : refused) {
    const std::string path = folder.Write("scheduler.json", nlohmann::json{{key, value}}.dump());
    EXPECT_THAT(EulerConfig::Read(path), StatusIs(absl::StatusCode::kInvalidArgument,
                                                  testing::AllOf(HasSubstr(path), HasSubstr(key))));
  }
}

}  // namespace
}  // namespace darkroom
