#include "batcher/clock.h"

#include <algorithm>
#include <chrono>

#include "absl/time/clock.h"

namespace darkroom {
namespace {

class SteadyClockImpl final : public Clock {
 public:
  absl::Time TimeNow() override {
    return start_ + absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
  }

  bool AwaitWithDeadline(absl::Mutex* mu, const absl::Condition& ready,
                         absl::Time deadline) override {
    return mu->AwaitWithTimeout(ready, std::max(deadline - TimeNow(), absl::ZeroDuration()));
  }

 private:
  const absl::Time start_ = absl::Now();
  const std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
};

}  // namespace

Clock& SteadyClock() {
  static SteadyClockImpl clock;
  return clock;
}

}  // namespace darkroom
