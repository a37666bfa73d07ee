#include "batcher/clock.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(SteadyClockTest, NeverRunsBackwards) {
  absl::Time last = SteadyClock().TimeNow();
  for (int i = 0; i < 100'000; ++i) {
    const absl::Time now = SteadyClock().TimeNow();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SteadyClockTest, AWaitForSomethingThatHoldsEndsAtOnce) {
  absl::Mutex mu;
  const bool ready = true;
  absl::MutexLock lock(&mu);
  EXPECT_TRUE(
      SteadyClock().AwaitWithDeadline(&mu, absl::Condition(&ready), absl::InfiniteFuture()));
}

TEST(SteadyClockTest, AWaitForSomethingThatNeverHoldsEndsAtItsDeadline) {
  absl::Mutex mu;
  const bool ready = false;
  absl::MutexLock lock(&mu);
  const absl::Time deadline = SteadyClock().TimeNow() + absl::Milliseconds(2);
  EXPECT_FALSE(SteadyClock().AwaitWithDeadline(&mu, absl::Condition(&ready), deadline));
  EXPECT_GE(SteadyClock().TimeNow(), deadline);
}

}  // namespace
}  // namespace darkroom
