#include "server/device_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "tests/support/fake_image_generator.h"
#include "tests/support/manual_clock.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

constexpr int kQueuedImages = 40;

// A pool of devices that stand still until they are released, in a time that stands too.
class DevicePoolTest : public testing::Test {
 protected:
  // The seconds that a step takes on each device.
  DevicePool MakePool(std::initializer_list<double> step_seconds) {
    std::vector<std::unique_ptr<DeviceWorker>> workers;
    for (const double seconds : step_seconds) {
      DeviceProfile profile;
      for (const int size : {1, 2, 4, 8, 16}) {
        profile.costs.Observe(CallKind::kStep, {1, 1}, size, seconds);
      }
      FakeImageGenerator& generator = generators_[workers.size()];
      generator.Hold();
      workers.push_back(std::make_unique<DeviceWorker>(
          generator,
          BatchOptions{.window = absl::ZeroDuration(),
                       .max_batch_size = 2,
                       .limits = {.images = kQueuedImages, .images_per_tenant = kQueuedImages}},
          profile, clock_, metrics_, [](const absl::Status&) {}));
      workers_.push_back(workers.back().get());
    }
    return DevicePool(std::move(workers));
  }

  std::vector<ImageJob> MakeJobs(size_t count, int steps) {
    std::vector<ImageJob> jobs;
    for (size_t i = 0; i < count; ++i) {
      jobs.push_back({.request = {.size = {8, 8}, .steps = steps, .guidance_scale = 1},
                      .done = [this](const absl::StatusOr<FinishedImage>& image) {
                        absl::MutexLock lock(&mu_);
                        ends_.push_back(image.status());
                      }});
    }
    return jobs;
  }

  // Submits, and returns when the device stands still again.
  JobTicket Submit(DevicePool& pool, size_t count, int steps, const JobTerms& terms = {}) {
    const absl::StatusOr<JobTicket> ticket = pool.Submit(MakeJobs(count, steps), terms);
    EXPECT_OK(ticket.status());
    generators_[ticket->device].AwaitHeldStep();
    return *ticket;
  }

  void ReleaseAll() {
    for (FakeImageGenerator& generator : generators_) generator.Release();
  }

  std::vector<absl::Status> AwaitEnds(size_t count) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto all = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return ends_.size() >= count; };
    mu_.Await(absl::Condition(&all));
    return ends_;
  }

  ManualClock clock_;
  std::array<FakeImageGenerator, 3> generators_;
  Metrics metrics_{generators_[0].info(), 1000};
  absl::Mutex mu_;
  std::vector<absl::Status> ends_ ABSL_GUARDED_BY(mu_);
  std::vector<DeviceWorker*> workers_;
};

TEST_F(DevicePoolTest, WorkGoesToTheQuickDeviceUntilItIsTheSlowerOne) {
  DevicePool pool = MakePool({1.0, 0.3});
  std::vector<size_t> devices;
  for (int i = 0; i < 8; ++i) {
    devices.push_back(Submit(pool, 1, 10).device);
  }
  EXPECT_EQ(devices.front(), 1);
  EXPECT_GT(std::count(devices.begin(), devices.end(), 1), 4);
  EXPECT_GE(std::count(devices.begin(), devices.end(), 0), 1);
  ReleaseAll();
  EXPECT_THAT(AwaitEnds(8), testing::Each(IsOk()));
}

TEST_F(DevicePoolTest, EachRequestGoesWhereItIsPredictedToEndFirst) {
  SeededRandom random;
  DevicePool pool = MakePool({1.0, 0.7, 2.5});
  size_t images = 0;
  std::vector<int> taken(workers_.size());
  while (images < kQueuedImages - 4) {
    const size_t count = random.Between(1, 4);
    const int steps = static_cast<int>(random.Between(1, 50));
    const JobTerms terms = {.priority = static_cast<Priority>(random.Between(0, 2)),
                            .tenant = random.Between(0, 1) == 0 ? "one" : "other"};
    std::vector<absl::Duration> predicted;
    for (DeviceWorker* worker : workers_) {
      predicted.push_back(worker->Predict(MakeJobs(count, steps), terms));
    }
    const size_t device = Submit(pool, count, steps, terms).device;
    ASSERT_EQ(predicted[device], *std::min_element(predicted.begin(), predicted.end()))
        << "after " << images << " images";
    ++taken[device];
    images += count;
  }
  EXPECT_THAT(taken, testing::Each(testing::Gt(0)));
  ReleaseAll();
  EXPECT_THAT(AwaitEnds(images), testing::Each(IsOk()));
}

TEST_F(DevicePoolTest, ATicketIsForItsDeviceAlone) {
  DevicePool pool = MakePool({1.0, 1.0});
  const JobTicket one = Submit(pool, 2, 10);
  const JobTicket other = Submit(pool, 2, 10);
  // The same name on either device.
  ASSERT_NE(one.device, other.device);
  ASSERT_EQ(one.first, other.first);
  EXPECT_TRUE(pool.PlaceOf(one).has_value());
  EXPECT_TRUE(pool.PlaceOf(other).has_value());
  pool.Cancel(one);
  ReleaseAll();
  const auto cancelled = StatusIs(absl::StatusCode::kCancelled);
  EXPECT_THAT(AwaitEnds(4), testing::UnorderedElementsAre(IsOk(), IsOk(), cancelled, cancelled));
  EXPECT_FALSE(pool.PlaceOf(one).has_value());
  EXPECT_FALSE(pool.PlaceOf(other).has_value());
  pool.Cancel(other);
  pool.Extend(other, absl::InfiniteFuture());
}

TEST_F(DevicePoolTest, AnExtendedDeadlineHolds) {
  DevicePool pool = MakePool({0.0});
  const absl::Time deadline = clock_.TimeNow() + absl::Seconds(1);
  pool.Extend(Submit(pool, 1, 10, {.deadline = deadline}), absl::InfiniteFuture());
  clock_.AdvanceTime(absl::Seconds(10));
  ReleaseAll();
  EXPECT_THAT(AwaitEnds(1), testing::ElementsAre(IsOk()));
}

TEST_F(DevicePoolTest, ARefusedRequestLeavesNothingBehind) {
  DevicePool pool = MakePool({1.0});
  EXPECT_THAT(pool.Submit(MakeJobs(kQueuedImages + 1, 10), {}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Submit(pool, kQueuedImages, 10);
  EXPECT_THAT(pool.Submit(MakeJobs(kQueuedImages, 10), {}).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ReleaseAll();
  EXPECT_THAT(AwaitEnds(kQueuedImages), testing::SizeIs(kQueuedImages));
  pool.Drain(absl::InfiniteDuration());
  EXPECT_THAT(AwaitEnds(kQueuedImages),
              testing::AllOf(testing::SizeIs(kQueuedImages), testing::Each(IsOk())));
}

TEST_F(DevicePoolTest, WhatTheFirstDeviceHasNoRoomForGoesToTheNext) {
  DevicePool pool = MakePool({0.001, 100});
  ASSERT_EQ(Submit(pool, 2, 10).device, 0);
  for (int i = 0; i < kQueuedImages; ++i) {
    ASSERT_OK(pool.Submit(MakeJobs(1, 10), {}));
  }
  EXPECT_EQ(Submit(pool, 1, 10).device, 1);
  for (int i = 0; i < kQueuedImages; ++i) {
    EXPECT_EQ(pool.Submit(MakeJobs(1, 10), {})->device, 1);
  }
  EXPECT_THAT(pool.Submit(MakeJobs(1, 10), {}).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ReleaseAll();
  for (const absl::Status& end : AwaitEnds(3 + 2 * kQueuedImages)) EXPECT_OK(end);
}

TEST_F(DevicePoolTest, ADeviceThatIsBusyDoesNotHoldUpTheDrainOfTheOthers) {
  DevicePool pool = MakePool({1.0, 1.0});
  ASSERT_EQ(Submit(pool, 1, 10).device, 0);
  generators_[1].Release();
  std::thread drain([&] { pool.Drain(absl::InfiniteDuration()); });
  size_t accepted = 1;
  while (workers_[1]->Submit(workers_[1]->ReserveRows(1), MakeJobs(1, 1), {}).ok()) {
    AwaitEnds(++accepted - 1);
  }
  EXPECT_THAT(workers_[0]->Submit(workers_[0]->ReserveRows(1), MakeJobs(1, 1), {}),
              StatusIs(absl::StatusCode::kUnavailable));
  ReleaseAll();
  drain.join();
  EXPECT_THAT(AwaitEnds(accepted),
              testing::AllOf(testing::SizeIs(accepted), testing::Each(IsOk())));
}

TEST_F(DevicePoolTest, TheLongestCallIsThatOfTheDeviceThatHangs) {
  DevicePool pool = MakePool({1.0, 1.0});
  EXPECT_EQ(pool.LongestCall(), absl::ZeroDuration());
  ASSERT_EQ(Submit(pool, 2, 10).device, 0);
  clock_.AdvanceTime(absl::Seconds(3));
  ASSERT_EQ(Submit(pool, 2, 10).device, 1);
  clock_.AdvanceTime(absl::Seconds(4));
  EXPECT_EQ(pool.LongestCall(), absl::Seconds(7));
  generators_[0].Release();
  AwaitEnds(2);
  EXPECT_EQ(pool.LongestCall(), absl::Seconds(4));
  ReleaseAll();
  AwaitEnds(4);
}

}  // namespace
}  // namespace darkroom
