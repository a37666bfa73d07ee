#include "server/codec_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <optional>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace darkroom {
namespace {

TEST(CodecPoolTest, EveryTaskOfEveryCallerRunsOnce) {
  constexpr size_t kCallers = 4, kEach = 5000;
  std::vector<std::atomic<int>> runs(kCallers * kEach);
  absl::BlockingCounter left(static_cast<int>(runs.size()));
  CodecPool pool(3, 0);
  std::vector<std::thread> callers;
  for (size_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (size_t i = c * kEach; i < (c + 1) * kEach; ++i) {
        pool.Run([&, i] {
          ++runs[i];
          left.DecrementCount();
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  left.Wait();
  for (const std::atomic<int>& count : runs) ASSERT_EQ(count, 1);
}

TEST(CodecPoolTest, TheDestructorRunsWhatIsLeftInOrderOfArrival) {
  std::vector<int> order, expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  absl::Notification release;
  std::optional<CodecPool> pool(std::in_place, 1, 0);
  pool->Run([&] { release.WaitForNotification(); });
  for (const int i : expected) pool->Run([&order, i] { order.push_back(i); });
  std::thread destroyer([&] { pool.reset(); });
  release.Notify();
  destroyer.join();
  EXPECT_EQ(order, expected);
}

TEST(CodecPoolTest, OneSlowTaskDoesNotHoldTheOtherThreads) {
  absl::Notification release, ran;
  CodecPool pool(2, 0);
  pool.Run([&] { release.WaitForNotification(); });
  pool.Run([&] { ran.Notify(); });
  ran.WaitForNotification();
  release.Notify();
}

TEST(CodecPoolTest, TryRunRefusesWhileTheBoundOfTasksWaits) {
  absl::Notification started, release;
  CodecPool pool(1, 2);
  pool.Run([&] {
    started.Notify();
    release.WaitForNotification();
  });
  started.WaitForNotification();
  int ran = 0;
  EXPECT_TRUE(pool.TryRun([&] { ++ran; }));
  EXPECT_TRUE(pool.TryRun([&] { ++ran; }));
  EXPECT_FALSE(pool.TryRun([&] { ++ran; }));
  pool.Run([&] { ++ran; });  // An accepted image's work has no bound.
  release.Notify();
  pool.AwaitIdle();
  EXPECT_EQ(ran, 3);
  EXPECT_TRUE(pool.TryRun([] {}));
}

TEST(CodecPoolTest, AwaitIdleWaitsForWhatRunsAndForWhatThatLeft) {
  for (int i = 0; i < 200; ++i) {
    int done = 0;
    CodecPool pool(2, 0);
    pool.Run([&] { pool.Run([&] { ++done; }); });
    pool.AwaitIdle();
    EXPECT_EQ(done, 1);
  }
}

TEST(CodecPoolTest, AnIdlePoolEnds) { CodecPool pool(4, 0); }

}  // namespace
}  // namespace darkroom
