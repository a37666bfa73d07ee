#include "client/cli/generate_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

PromptOutcome Made(const std::string& prompt, uint64_t seed, uint32_t images, uint32_t steps) {
  PromptOutcome outcome;
  outcome.request.set_prompt(prompt);
  outcome.reply.set_request_id("r");
  for (uint32_t i = 0; i < images; ++i) {
    v1::Image& image = *outcome.reply.add_images();
    image.set_index(i);
    image.set_seed(seed + i);
    outcome.files.push_back(absl::StrCat("r-", i, "-", seed + i, ".png"));
  }
  outcome.reply.mutable_stats()->set_num_inference_steps(steps);
  return outcome;
}

void SetPasses(uint32_t min, double mean, uint32_t max, PromptOutcome& outcome) {
  v1::GenerationStats::BatchSizes& sizes = *outcome.reply.mutable_stats()->mutable_batch_sizes();
  sizes.set_min(min);
  sizes.set_mean(mean);
  sizes.set_max(max);
}

PromptOutcome Failed(const std::string& prompt) {
  PromptOutcome outcome;
  outcome.request.set_prompt(prompt);
  outcome.status = absl::InvalidArgumentError("prompt: too long");
  return outcome;
}

TEST(GenerateReportTest, OneLineForEachImageThenHowTheyWereBatched) {
  GenerateReport report;
  report.prompts = {Made("a red\napple", 7, 2, 20), Failed("x"), Made("a cat", 9, 1, 20)};
  SetPasses(1, 5, 8, report.prompts[0]);
  SetPasses(2, 8, 8, report.prompts[2]);
  report.elapsed = absl::Milliseconds(2100);
  report.contact_sheet = "contact-sheet.png";
  EXPECT_EQ(ToText(report),
            "r-0-7.png  seed 7  a red apple\n"
            "r-1-8.png  seed 8  a red apple\n"
            "r-0-9.png  seed 9  a cat\n"
            "contact-sheet.png  contact sheet\n"
            "3 images in 2.1 s; passes held 1-8 rows, 6.0 on average\n");
}

TEST(GenerateReportTest, PassesOfOneSizeHaveNoAverage) {
  GenerateReport report;
  report.prompts = {Made("a", 1, 1, 20)};
  SetPasses(1, 1, 1, report.prompts[0]);
  EXPECT_THAT(ToText(report), ::testing::EndsWith("1 image in 0.0 s; passes held 1 row\n"));
}

TEST(GenerateReportTest, EveryStepOfEveryImageCountsOnce) {
  GenerateReport report;
  report.prompts = {Made("a", 1, 2, 30), Made("b", 1, 1, 20), Failed("c"), Made("d", 1, 4, 50)};
  SetPasses(2, 3, 4, report.prompts[0]);
  SetPasses(1, 6, 7, report.prompts[1]);
  const auto passes = SharedPasses(report);  // The last reply says nothing of its passes.
  ASSERT_TRUE(passes.has_value());
  EXPECT_EQ(passes->min, 1u);
  EXPECT_EQ(passes->max, 7u);
  EXPECT_DOUBLE_EQ(passes->mean, (2 * 30 * 3 + 20 * 6) / 80.0);
}

TEST(GenerateReportTest, NothingIsSaidOfPassesThatNobodyReported) {
  GenerateReport report;
  report.prompts = {Made("a", 1, 1, 20), Failed("b")};
  EXPECT_FALSE(SharedPasses(report).has_value());
  EXPECT_THAT(ToText(report), ::testing::EndsWith("1 image in 0.0 s\n"));
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_TRUE(json["batch_sizes"].is_null());
  EXPECT_TRUE(json["contact_sheet"].is_null());
}

TEST(GenerateReportTest, JsonHoldsImagesErrorsAndSeedsInFull) {
  GenerateReport report;
  report.prompts = {Made("a", UINT64_MAX, 1, 20), Failed("b")};
  report.prompts[1].status = absl::InvalidArgumentError("not UTF-8: \xff");
  SetPasses(1, 1.5, 2, report.prompts[0]);
  report.elapsed = absl::Seconds(2);
  report.contact_sheet = "sheet.png";
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["images"].size(), 1u);
  EXPECT_EQ(json["images"][0]["file"], "r-0-18446744073709551615.png");
  EXPECT_EQ(json["images"][0]["seed"], UINT64_MAX);
  EXPECT_EQ(json["images"][0]["prompt"], "a");
  EXPECT_EQ(json["images"][0]["steps"], 20);
  EXPECT_EQ(json["errors"].size(), 1u);
  EXPECT_EQ(json["errors"][0]["prompt_index"], 1);
  EXPECT_EQ(json["errors"][0]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(json["batch_sizes"]["mean"], 1.5);
  EXPECT_EQ(json["seconds"], 2.0);
  EXPECT_EQ(json["contact_sheet"], "sheet.png");
}

}  // namespace
}  // namespace darkroom
