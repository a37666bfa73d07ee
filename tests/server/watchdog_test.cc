#include "server/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "tests/support/call_fixture.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

constexpr absl::Duration kRound = absl::Milliseconds(200);  // Between its looks.
constexpr absl::Duration kStepTimeout = absl::Seconds(1);

class WatchdogTest : public testing::Test {
 protected:
  void StartWatchdog(absl::Duration step_timeout) {
    next_look_ = clock_.TimeNow() + kRound;
    watchdog_.emplace(fixture_.devices, fixture_.calls, step_timeout, clock_,
                      [this](const absl::Status& status) { reports_.push_back(status); });
    clock_.AwaitSleeperUntil(next_look_);
  }

  // Lets the watchdog look so many times, and returns when it has.
  void Look(int times) {
    for (int i = 0; i < times; ++i) {
      clock_.AdvanceTime(kRound);
      next_look_ += kRound;
      clock_.AwaitSleeperUntil(next_look_);
    }
  }

  // Begins an image, whose first step then hangs.
  void HangTheDevice() {
    fixture_.generator.Hold();
    std::vector<ImageJob> jobs;
    jobs.push_back({.request = {.size = {8, 8}, .steps = 2},
                    .done = [this](absl::StatusOr<FinishedImage>) { done_.Notify(); }});
    ASSERT_OK(fixture_.devices.Submit(std::move(jobs), {}).status());
    fixture_.generator.AwaitHeldStep();
  }

  void Recover() {
    fixture_.generator.Release();
    done_.WaitForNotification();
    // Its thread, which may be at work still, has left the device when it waits again.
    clock_.AwaitSleeperUntil(absl::InfiniteFuture());
  }

  ManualClock clock_;
  CallFixture fixture_{/*filter=*/nullptr, clock_};
  absl::Notification done_;
  std::vector<absl::Status> reports_;  // The watchdog's thread's, but while it sleeps.
  absl::Time next_look_;
  std::optional<Watchdog> watchdog_;
};

TEST_F(WatchdogTest, ADeviceThatHangsIsReportedOnceAsUnavailable) {
  StartWatchdog(kStepTimeout);
  HangTheDevice();
  Look(kStepTimeout / kRound);
  EXPECT_THAT(reports_, testing::IsEmpty());
  Look(1);
  EXPECT_THAT(reports_, testing::ElementsAre(
                            StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("1.2s"))));
  Look(20);
  EXPECT_THAT(reports_, testing::SizeIs(1));
  Recover();
}

TEST_F(WatchdogTest, AnIdleDeviceDoesNotHang) {
  StartWatchdog(kStepTimeout);
  Look(20);
  HangTheDevice();
  Recover();
  Look(20);
  EXPECT_THAT(reports_, testing::IsEmpty());
}

TEST_F(WatchdogTest, WithoutATimeoutNothingHangs) {
  StartWatchdog(absl::ZeroDuration());
  HangTheDevice();
  Look(50);
  EXPECT_THAT(reports_, testing::IsEmpty());
  Recover();
}

class TickedCall final : public LiveCall {
 public:
  void Abort(const absl::Status&) override {}
  void OnTick(absl::Time now) override { ticks.push_back(now); }

  std::vector<absl::Time> ticks;
};

TEST_F(WatchdogTest, EveryLookIsATickForTheCalls) {
  const auto call = std::make_shared<TickedCall>();
  fixture_.calls.Add(call);
  const absl::Time start = clock_.TimeNow();
  StartWatchdog(kStepTimeout);
  Look(3);
  EXPECT_THAT(call->ticks,
              testing::ElementsAre(start + kRound, start + 2 * kRound, start + 3 * kRound));
}

}  // namespace
}  // namespace darkroom
