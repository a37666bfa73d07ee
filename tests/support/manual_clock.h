#ifndef DARKROOM_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define DARKROOM_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"

namespace darkroom {

// A clock that stands until the test moves it, with a view of who waits on it. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'000'000'000)) : now_(start) {}

  absl::Time TimeNow() override ABSL_LOCKS_EXCLUDED(mu_);
  bool AwaitWithDeadline(absl::Mutex* mu, const absl::Condition& ready,
                         absl::Time deadline) override ABSL_SHARED_LOCKS_REQUIRED(mu)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Wakes everybody whose deadline has come. The waiters' mutexes must outlive the call.
  void AdvanceTime(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns once somebody waits for exactly this deadline.
  void AwaitSleeperUntil(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns once nobody does; who did has its own mutex by then.
  void AwaitNoSleeperUntil(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Sleeper {
    absl::Mutex* mu;
    absl::Time deadline;
  };

  void AwaitSleeper(absl::Time deadline, bool is_there) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  std::vector<Sleeper> sleepers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_MANUAL_CLOCK_H_
