#include "model/sampling/scheduler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kEmbedded[] = "models/emoji/scheduler/scheduler_config.json";

absl::StatusOr<SchedulerConfig> Read(json values) {
  const TemporaryFolder folder;
  if (!values.contains("_class_name")) values["_class_name"] = "EulerDiscreteScheduler";
  return SchedulerConfig::Read(folder.Write("scheduler.json", values.dump()));
}

TEST(SchedulerConfigTest, EmbeddedModelsFileIsRead) {
  const auto config = SchedulerConfig::Read(kEmbedded);
  ASSERT_OK(config);
  EXPECT_EQ(config->type, SchedulerType::kEuler);
  EXPECT_EQ(config->train_timesteps, 1000);
  EXPECT_EQ(config->spacing, TimestepSpacing::kLeading);
}

TEST(SchedulerConfigTest, WhatTheFileLeavesOpenStaysOpen) {
  const auto config = Read({});
  ASSERT_OK(config);
  EXPECT_FALSE(config->beta_start || config->beta_end || config->scaled_linear);
  EXPECT_FALSE(config->spacing || config->clip_sample);
}

TEST(SchedulerConfigTest, EveryClassIsItsType) {
  const std::pair<json, SchedulerType> cases[] = {
      {{{"_class_name", "EulerDiscreteScheduler"}}, SchedulerType::kEuler},
      {{{"_class_name", "EulerAncestralDiscreteScheduler"}}, SchedulerType::kEulerAncestral},
      {{{"_class_name", "DPMSolverMultistepScheduler"}}, SchedulerType::kDpmpp2m},
      {{{"_class_name", "DPMSolverMultistepScheduler"}, {"use_karras_sigmas", true}},
       SchedulerType::kDpmpp2mKarras},
      {{{"_class_name", "DPMSolverMultistepScheduler"}, {"algorithm_type", "sde-dpmsolver++"}},
       SchedulerType::kDpmpp2mSde},
      {{{"_class_name", "DDIMScheduler"}}, SchedulerType::kDdim},
      {{{"_class_name", "UniPCMultistepScheduler"}}, SchedulerType::kUniPc},
      {{{"_class_name", "HeunDiscreteScheduler"}}, SchedulerType::kHeun},
      {{{"_class_name", "LCMScheduler"}}, SchedulerType::kLcm}};
  for (const auto& [values, type] : cases) {
    const auto config = Read(values);
    ASSERT_OK(config);
    EXPECT_EQ(config->type, type) << values;
  }
}

TEST(SchedulerConfigTest, WhatIsNotSupportedIsRefusedByKey) {
  const std::vector<std::pair<std::string, json>> refused = {{"prediction_type", "sample"},
                                                             {"use_karras_sigmas", true},
                                                             {"timestep_spacing", "uniform"},
                                                             {"beta_schedule", "squaredcos_cap_v2"},
                                                             {"final_sigmas_type", "sigma_min"},
                                                             {"trained_betas", {0.1, 0.2}},
                                                             {"thresholding", true},
                                                             {"solver_order", 3},
                                                             {"algorithm_type", "dpmsolver"},
                                                             {"num_train_timesteps", 0},
                                                             {"num_train_timesteps", 100'001},
                                                             {"steps_offset", -1},
                                                             {"beta_start", 0},
                                                             {"beta_start", 0.5},
                                                             {"beta_end", 1},
                                                             {"_class_name", "PNDMScheduler"},
                                                             {"a_setting_of_tomorrow", 1}};
  for (const auto& [key, value] : refused) {
    EXPECT_THAT(Read({{key, value}}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(key)));
  }
}

}  // namespace
}  // namespace darkroom
