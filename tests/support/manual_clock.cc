#include "tests/support/manual_clock.h"

#include <algorithm>

namespace darkroom {

absl::Time ManualClock::TimeNow() {
  absl::MutexLock lock(&mu_);
  return now_;
}

bool ManualClock::AwaitWithDeadline(absl::Mutex* mu, const absl::Condition& ready,
                                    absl::Time deadline) {
  {
    absl::MutexLock lock(&mu_);
    sleepers_.push_back({mu, deadline});
  }
  const auto is_over = [&] { return ready.Eval() || TimeNow() >= deadline; };
  mu->Await(absl::Condition(&is_over));
  absl::MutexLock lock(&mu_);
  const auto is_me = [&](const Sleeper& s) { return s.mu == mu && s.deadline == deadline; };
  sleepers_.erase(std::find_if(sleepers_.begin(), sleepers_.end(), is_me));
  return ready.Eval();
}

void ManualClock::AdvanceTime(absl::Duration by) {
  std::vector<Sleeper> sleepers;
  {
    absl::MutexLock lock(&mu_);
    now_ += by;
    sleepers = sleepers_;
  }
  // Unlocking a mutex makes its waiters look again. Not under our own, which they take.
  for (const Sleeper& sleeper : sleepers) absl::MutexLock wake(sleeper.mu);
}

void ManualClock::AwaitSleeperUntil(absl::Time deadline) { AwaitSleeper(deadline, true); }

void ManualClock::AwaitNoSleeperUntil(absl::Time deadline) { AwaitSleeper(deadline, false); }

void ManualClock::AwaitSleeper(absl::Time deadline, bool is_there) {
  const auto is_so = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return is_there == std::any_of(sleepers_.begin(), sleepers_.end(), [&](const Sleeper& sleeper) {
             return sleeper.deadline == deadline;
           });
  };
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&is_so));
}

}  // namespace darkroom
