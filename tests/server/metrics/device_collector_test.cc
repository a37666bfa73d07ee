#include "server/metrics/device_collector.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "server/metrics/metrics.h"
#include "tests/server/metrics/samples.h"
#include "tests/support/fake_image_generator.h"
#include "tests/support/manual_clock.h"

namespace darkroom {
namespace {

// Two devices of one name, of which the first is held at a step in a time that stands still.
class DeviceCollectorTest : public testing::Test {
 protected:
  DeviceCollectorTest() {
    generators_[0].Hold();
    devices_.Submit(Jobs(), {}).IgnoreError();
    generators_[0].AwaitHeldStep();
  }
  ~DeviceCollectorTest() override { generators_[0].Release(); }

  static std::vector<ImageJob> Jobs() {
    std::vector<ImageJob> jobs;
    jobs.push_back({.request = {.size = {8, 8}, .steps = 1},
                    .done = [](const absl::StatusOr<FinishedImage>&) {}});
    return jobs;
  }

  std::unique_ptr<DeviceWorker> MakeWorker(FakeImageGenerator& generator) {
    return std::make_unique<DeviceWorker>(
        generator, BatchOptions{.window = absl::ZeroDuration(), .max_batch_size = 1},
        DeviceProfile(), clock_, metrics_, [](const absl::Status&) {});
  }

  std::vector<std::unique_ptr<DeviceWorker>> MakeWorkers() {
    std::vector<std::unique_ptr<DeviceWorker>> workers;
    for (FakeImageGenerator& generator : generators_) workers.push_back(MakeWorker(generator));
    return workers;
  }

  ManualClock clock_;
  std::array<FakeImageGenerator, 2> generators_;
  Metrics metrics_{generators_[0].info(), 256};
  DevicePool devices_{MakeWorkers()};
  DeviceCollector collector_{{"cpu", "cpu"}, devices_};
};

TEST_F(DeviceCollectorTest, ACallUnderWayIsBusyTimeAndAgesTheHeartbeat) {
  clock_.AdvanceTime(absl::Seconds(30));
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  Samples samples = SamplesOf(collector_);
  EXPECT_EQ(samples.at("darkroom_inflight_batches"), 1);
  EXPECT_EQ(samples.at("darkroom_device_busy_seconds_total device=cpu"), 30);
  EXPECT_EQ(samples.at("darkroom_device_busy_seconds_total device=cpu/1"), 0);
  EXPECT_NEAR(samples.at("darkroom_worker_heartbeat_timestamp_seconds device=cpu"), now - 30, 10);
  EXPECT_NEAR(samples.at("darkroom_worker_heartbeat_timestamp_seconds device=cpu/1"), now, 10);
  generators_[0].Release();
  devices_.Drain(absl::InfiniteDuration());
  clock_.AdvanceTime(absl::Seconds(30));
  samples = SamplesOf(collector_);
  EXPECT_EQ(samples.at("darkroom_inflight_batches"), 0);
  EXPECT_EQ(samples.at("darkroom_device_busy_seconds_total device=cpu"), 30);
}

TEST_F(DeviceCollectorTest, TheOldestWaitIsThatOfTheFirstThatWaits) {
  EXPECT_EQ(SamplesOf(collector_).at("darkroom_queue_oldest_age_seconds"), 0);
  // Nothing is known of the devices' times, so the first one takes all.
  devices_.Submit(Jobs(), {}).IgnoreError();
  clock_.AdvanceTime(absl::Seconds(7));
  devices_.Submit(Jobs(), {}).IgnoreError();
  EXPECT_EQ(SamplesOf(collector_).at("darkroom_queue_oldest_age_seconds"), 7);
  generators_[0].Release();
  devices_.Drain(absl::InfiniteDuration());
  EXPECT_EQ(SamplesOf(collector_).at("darkroom_queue_oldest_age_seconds"), 0);
}

TEST_F(DeviceCollectorTest, MemoryThatNobodyKnowsIsLeftOut) {
  for (const auto& [name, value] : SamplesOf(collector_)) {
    EXPECT_EQ(name.find("memory"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace darkroom
