#include "server/metrics/batch_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/metrics/samples.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

class BatchMetricsTest : public testing::Test {
 protected:
  template <typename Record>
  Samples ChangesAfter(Record record) {
    const Samples before = SamplesOf(registry_);
    record();
    return ChangesSince(before, registry_);
  }

  prometheus::Registry registry_;
  BatchMetrics metrics_{registry_, "emoji", /*queue_limit=*/256};
};

TEST_F(BatchMetricsTest, TheHouseIsTheSumOfItsChangesAndEmptyInTheEnd) {
  SeededRandom random;
  std::vector<HouseCounts> comings;
  HouseCounts all;
  for (int i = 0; i < 200; ++i) {
    HouseCounts change = {.running = static_cast<int64_t>(random.Between(0, 8)),
                          .pixel_steps = static_cast<int64_t>(random.Between(0, 1 << 30)),
                          .tenants = static_cast<int64_t>(random.Between(0, 3))};
    for (int64_t& waiting : change.waiting) waiting = static_cast<int64_t>(random.Between(0, 9));
    metrics_.OnHouse(change);
    for (size_t p = 0; p < kPriorities; ++p) all.waiting[p] += change.waiting[p];
    all.running += change.running;
    all.pixel_steps += change.pixel_steps;
    all.tenants += change.tenants;
    comings.push_back(change);
  }
  Samples samples = SamplesOf(registry_);
  EXPECT_EQ(samples.at("darkroom_queue_depth priority=high"), all.waiting[0]);
  EXPECT_EQ(samples.at("darkroom_queue_depth priority=normal"), all.waiting[1]);
  EXPECT_EQ(samples.at("darkroom_queue_depth priority=low"), all.waiting[2]);
  EXPECT_EQ(samples.at("darkroom_running_images"), all.running);
  EXPECT_EQ(samples.at("darkroom_tenants_tracked"), all.tenants);
  EXPECT_EQ(samples.at("darkroom_queue_cost") * (1 << 20), all.pixel_steps);
  for (const HouseCounts& change : comings) {
    metrics_.OnHouse({.waiting = {-change.waiting[0], -change.waiting[1], -change.waiting[2]},
                      .running = -change.running,
                      .pixel_steps = -change.pixel_steps,
                      .tenants = -change.tenants});
  }
  samples = SamplesOf(registry_);
  for (const char* gauge :
       {"queue_depth priority=high", "running_images", "tenants_tracked", "queue_cost"}) {
    EXPECT_EQ(samples.at(absl::StrCat("darkroom_", gauge)), 0) << gauge;
  }
}

TEST_F(BatchMetricsTest, WaitsAreToldApartByPriorityAndSize) {
  EXPECT_EQ(ChangesAfter([&] {
              metrics_.OnQueueWait(Priority::kLow, 1024 * 1024, absl::Seconds(1));
              metrics_.OnQueueWait(Priority::kHigh, 64 * 64, absl::Seconds(1));
            }),
            (Samples{{"darkroom_queue_wait_seconds priority=low size_class=1024", 1},
                     {"darkroom_queue_wait_seconds priority=high size_class=256", 1}}));
}

TEST_F(BatchMetricsTest, OnlyAnIdleDevicesBatchHasAWindow) {
  for (const auto& [trigger, name, has_window] : {std::tuple(StartTrigger::kFull, "full", true),
                                                  {StartTrigger::kWindow, "window", true},
                                                  {StartTrigger::kDeadline, "deadline", true},
                                                  {StartTrigger::kDrain, "drain", true},
                                                  {StartTrigger::kBacklog, "backlog", false},
                                                  {StartTrigger::kJoin, "join", false}}) {
    Samples expected = {{absl::StrCat("darkroom_batches_total trigger=", name), 1}};
    if (has_window) expected["darkroom_batch_window_seconds"] = 1;
    EXPECT_EQ(ChangesAfter([&] { metrics_.OnStart(trigger, absl::Milliseconds(5)); }), expected);
  }
}

TEST_F(BatchMetricsTest, APassCountsItsRowsAsSteps) {
  EXPECT_EQ(ChangesAfter([&] {
              metrics_.OnPass({.rows = 3, .padding = 10, .pixels = 512 * 512});
              metrics_.OnPass({.rows = 1, .padding = 0, .pixels = 512 * 512 + 64});
            }),
            (Samples{{"darkroom_batch_size_images", 2},
                     {"darkroom_denoise_steps_total model=emoji", 4},
                     {"darkroom_padded_samples_total", 10},
                     {"darkroom_step_duration_seconds size_class=512", 1},
                     {"darkroom_step_duration_seconds size_class=768", 1}}));
}

TEST_F(BatchMetricsTest, AFailedCallIsEitherSplitOrLost) {
  const auto fail = [&](const absl::Status& why, bool is_split) {
    return ChangesAfter([&] { metrics_.OnFailedCall(why, is_split); });
  };
  const absl::Status memory = absl::ResourceExhaustedError("x");
  EXPECT_EQ(fail(memory, true),
            (Samples{{"darkroom_oom_total", 1}, {"darkroom_batch_splits_total reason=oom", 1}}));
  EXPECT_EQ(fail(memory, false),
            (Samples{{"darkroom_oom_total", 1}, {"darkroom_batch_failures_total reason=oom", 1}}));
  EXPECT_EQ(fail(absl::DataLossError("x"), true),
            (Samples{{"darkroom_batch_splits_total reason=nan", 1}}));
  EXPECT_EQ(fail(absl::DataLossError("x"), false),
            (Samples{{"darkroom_batch_failures_total reason=nan", 1}}));
  EXPECT_EQ(fail(absl::InternalError("x"), false),
            (Samples{{"darkroom_batch_failures_total reason=exception", 1}}));
  EXPECT_EQ(fail(absl::UnavailableError("x"), false),
            (Samples{{"darkroom_batch_failures_total reason=device", 1}}));
  EXPECT_EQ(ChangesAfter([&] { metrics_.OnHungCall(); }),
            (Samples{{"darkroom_batch_failures_total reason=watchdog", 1}}));
}

TEST_F(BatchMetricsTest, ALostImageCountsWhatTheDeviceSpentOnIt) {
  const auto lose = [&](RowStage stage, const absl::Status& why) {
    return ChangesAfter([&] {
      metrics_.OnLostRow({.stage = stage, .reason = why, .device_time = absl::Seconds(1.5)});
    });
  };
  const std::string wasted = "darkroom_wasted_step_seconds_total reason=";
  const absl::Status cancelled = absl::CancelledError("x");
  EXPECT_EQ(lose(RowStage::kQueued, cancelled),
            (Samples{{"darkroom_cancelled_total stage=queued", 1}, {wasted + "cancelled", 1.5}}));
  EXPECT_EQ(lose(RowStage::kDenoise, cancelled),
            (Samples{{"darkroom_cancelled_total stage=denoise", 1}, {wasted + "cancelled", 1.5}}));
  EXPECT_EQ(lose(RowStage::kDecode, cancelled),
            (Samples{{"darkroom_cancelled_total stage=decode", 1}, {wasted + "cancelled", 1.5}}));
  EXPECT_EQ(lose(RowStage::kDenoise, absl::DeadlineExceededError("x")),
            (Samples{{wasted + "deadline", 1.5}}));
  EXPECT_EQ(lose(RowStage::kDenoise, absl::UnavailableError("x")),
            (Samples{{wasted + "drained", 1.5}}));
  EXPECT_EQ(lose(RowStage::kDenoise, absl::InternalError("x")),
            (Samples{{wasted + "failed", 1.5}}));
}

TEST(SizeClassTest, ClassesMeetAtTheirEdges) {
  for (size_t i = 0; i < 4; ++i) {
    const int64_t side = std::stoi(kSizeClasses[i]);
    EXPECT_EQ(SizeClassOf(side * side), i);
    EXPECT_EQ(SizeClassOf(side * side + 1), i + 1);
  }
  EXPECT_EQ(SizeClassOf(1), 0u);
  EXPECT_EQ(SizeClassOf(int64_t{1} << 40), 4u);
}

}  // namespace
}  // namespace darkroom
