#include "client/cli/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/client/bench/sample_run.h"

namespace darkroom {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

SampleRun Mixed() {
  SampleRun run;
  run.Ok(1, 0, 0.25).Ok(2, 1, 1.5);
  run.Failed(3, absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  return run;
}

TEST(BenchReportTest, TheTextIsATable) {
  SampleRun run = Mixed();
  EXPECT_EQ(ToText(*run, Summarize(*run)),
            "sample: 4 requests/s for 10s, seed 0, to 127.0.0.1:50051 (emoji on cpu)\n"
            "\n"
            "requests     3 arrived, 3 sent\n"
            "answers      2 OK, 1 RESOURCE_EXHAUSTED QUEUE_FULL\n"
            "throughput   0.20 requests/s and 0.20 images/s, 0.20 images/s in time, in 10.0 s\n"
            "passes       1 to 4 rows, 2.00 on average\n"
            "\n"
            "seconds          mean      p50      p90      p95      p99    p99.9      max\n"
            "latency         0.875    0.250    1.500    1.500    1.500    1.500    1.500\n"
            "queue wait      0.438    0.125    0.750    0.750    0.750    0.750    0.750\n"
            "sent late       0.001    0.001    0.001    0.001    0.001    0.001    0.001\n"
            "\n"
            "kind   arrived       OK      p50      p99      max\n"
            "quick        2        1    0.250    0.250    0.250\n"
            "slow         1        1    1.500    1.500    1.500\n");
}

TEST(BenchReportTest, WhatWasNotSentIsTold) {
  SampleRun run;
  run.Fate(1, Outcome::Fate::kDropped).Fate(2, Outcome::Fate::kUnsent);
  const std::string text = ToText(*run, Summarize(*run));
  EXPECT_THAT(text, HasSubstr("2 arrived, 0 sent, 1 dropped because 100 others were in flight, "
                              "1 unsent\nanswers      none\n"));
  EXPECT_THAT(text, HasSubstr("latency      no values\n"));
  EXPECT_THAT(text, Not(HasSubstr("passes")));
}

TEST(BenchReportTest, JsonHasSettingsAndFigures) {
  SampleRun run = Mixed();
  const json report = json::parse(ToJson(*run, Summarize(*run)));
  EXPECT_EQ(report["settings"]["rate"], 4);
  EXPECT_EQ(report["settings"]["deadline_seconds"], 5);
  EXPECT_EQ(report["settings"]["mix"]["kinds"][0], json({{"name", "quick"}, {"weight", 3}}));
  EXPECT_EQ(report["model"]["id"], "emoji");
  EXPECT_EQ(report["requests"], json({{"arrived", 3}, {"sent", 3}, {"dropped", 0}, {"unsent", 0}}));
  EXPECT_EQ(report["answers"][0], json({{"code", "OK"}, {"reason", nullptr}, {"count", 2}}));
  EXPECT_EQ(report["answers"][1],
            json({{"code", "RESOURCE_EXHAUSTED"}, {"reason", "QUEUE_FULL"}, {"count", 1}}));
  EXPECT_EQ(report["latency_seconds"]["p99.9"], 1.5);
  EXPECT_EQ(report["images_per_second"], 0.2);
  EXPECT_EQ(report["batch_sizes"]["mean"], 2);
  EXPECT_EQ(report["kinds"][1]["latency_seconds"]["count"], 1);
  EXPECT_FALSE(report["interrupted"].get<bool>());
}

TEST(BenchReportTest, WhatIsUnknownIsNullInJson) {
  SampleRun run;
  run->settings.deadline = absl::InfiniteDuration();
  run.Fate(1, Outcome::Fate::kUnsent);
  const json report = json::parse(ToJson(*run, Summarize(*run)));
  EXPECT_TRUE(report["settings"]["deadline_seconds"].is_null());
  EXPECT_TRUE(report["latency_seconds"]["p50"].is_null());
  EXPECT_TRUE(report["batch_sizes"].is_null());
}

TEST(BenchReportTest, NamesCommandNoTerminal) {
  SampleRun run = Mixed();
  run->settings.mix.name = "a\x1b[2Jb";
  run->settings.mix.kinds[0].name = "c\nd";
  const std::string text = ToText(*run, Summarize(*run));
  EXPECT_THAT(text, HasSubstr("a [2Jb"));
  EXPECT_THAT(text, HasSubstr("c d "));
}

}  // namespace
}  // namespace darkroom
