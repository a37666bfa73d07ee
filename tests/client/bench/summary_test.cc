#include "client/cli/bench/summary.h"

#include <gtest/gtest.h>

#include "tests/client/bench/sample_run.h"

namespace darkroom {
namespace {

using Fate = Outcome::Fate;

TEST(SummaryTest, EveryArrivalCountsOnce) {
  SampleRun run;
  run.Ok(1, 0, 0.5).Ok(2, 1, 1.5);
  run.Failed(3, absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  run.Failed(4, absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  run.Failed(5, absl::StatusCode::kUnavailable, "");
  run.Fate(6, Fate::kDropped).Fate(7, Fate::kUnsent).Fate(8, Fate::kUnsent);
  const BenchSummary summary = Summarize(*run);
  EXPECT_EQ(summary.arrived, 8u);
  EXPECT_EQ(summary.sent, 5u);
  EXPECT_EQ(summary.dropped, 1u);
  EXPECT_EQ(summary.unsent, 2u);
  EXPECT_EQ(summary.answers.size(), 3u);
  EXPECT_EQ(summary.answers.at({"OK", ""}), 2u);
  EXPECT_EQ(summary.answers.at({"RESOURCE_EXHAUSTED", "QUEUE_FULL"}), 2u);
  EXPECT_EQ(summary.answers.at({"UNAVAILABLE", ""}), 1u);
}

TEST(SummaryTest, LatenciesAreThoseOfOkAnswers) {
  SampleRun run;
  run.Ok(1, 0, 0.5).Ok(2, 1, 1.5).Ok(2, 0, 1).Failed(3, absl::StatusCode::kInternal, "");
  const BenchSummary summary = Summarize(*run);
  EXPECT_EQ(summary.latency.count, 3u);
  EXPECT_EQ(summary.latency.max, 1.5);
  EXPECT_EQ(summary.queue_wait.p50, 0.5);
  EXPECT_EQ(summary.lateness.count, 4u);  // Of all that was sent.
  ASSERT_EQ(summary.kinds.size(), 2u);
  EXPECT_EQ(summary.kinds[0].name, "quick");
  EXPECT_EQ(summary.kinds[0].arrived, 3u);
  EXPECT_EQ(summary.kinds[0].latency.count, 2u);
  EXPECT_EQ(summary.kinds[1].latency.max, 1.5);
}

TEST(SummaryTest, OnlyImagesInTimeAreGoodput) {
  SampleRun run;
  run.Ok(1, 0, 5).Ok(2, 0, 5.001).Ok(3, 0, 1);
  BenchSummary summary = Summarize(*run);
  EXPECT_EQ(summary.images, 3u);
  EXPECT_EQ(summary.images_in_time, 2u);
  EXPECT_DOUBLE_EQ(summary.PerSecond(summary.images), 0.3);
  run->settings.deadline = absl::InfiniteDuration();
  EXPECT_EQ(Summarize(*run).images_in_time, 3u);
}

TEST(SummaryTest, TheWarmupIsLeftOut) {
  SampleRun run;
  run->settings.warmup = absl::Seconds(2);
  run.Ok(1.999, 0, 3).Failed(1, absl::StatusCode::kInternal, "").Ok(2, 0, 1).Ok(9, 0, 1);
  const BenchSummary summary = Summarize(*run);
  EXPECT_EQ(summary.arrived, 2u);
  EXPECT_EQ(summary.answers.size(), 1u);
  EXPECT_EQ(summary.latency.max, 1);
  EXPECT_EQ(summary.images, 2u);
  EXPECT_DOUBLE_EQ(summary.seconds, 8);
}

TEST(SummaryTest, PassesAreWeighedByImagesAndSteps) {
  SampleRun run;
  run.Ok(1, 0, 1, /*rows=*/1).Ok(2, 0, 1, /*rows=*/4);
  run->outcomes[1].images = 3;
  run->outcomes[1].steps = 18;
  const BenchSummary summary = Summarize(*run);
  ASSERT_TRUE(summary.batches.has_value());
  EXPECT_DOUBLE_EQ(summary.batches->mean, (9 * 1 + 54 * 4) / 63.0);
  EXPECT_EQ(summary.batches->min, 1u);
  EXPECT_EQ(summary.batches->max, 4u);
}

TEST(SummaryTest, ARunThatWasInterruptedAtOnceHasNoFigures) {
  SampleRun run;
  run.Fate(1, Fate::kUnsent);
  run->settings.warmup = absl::Seconds(1);
  run->elapsed = absl::Milliseconds(10);
  const BenchSummary summary = Summarize(*run);
  EXPECT_EQ(summary.seconds, 0);
  EXPECT_EQ(summary.PerSecond(summary.images), 0);
  EXPECT_FALSE(summary.batches.has_value());
}

}  // namespace
}  // namespace darkroom
