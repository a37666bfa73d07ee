#include "server/watchdog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);

}  // namespace

Watchdog::Watchdog(const DevicePool& devices, LiveCalls& calls, absl::Duration step_timeout,
                   Clock& clock, absl::AnyInvocable<void(const absl::Status&)> on_hung)
    : devices_(devices),
      calls_(calls),
      step_timeout_(step_timeout),
      clock_(clock),
      on_hung_(std::move(on_hung)),
      thread_(&Watchdog::Run, this) {}

Watchdog::~Watchdog() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Watchdog::Run() {
  bool reported = false;
  while (!AwaitStop()) {
    calls_.Tick(clock_.TimeNow());
    const absl::Duration longest = devices_.LongestCall();
    const bool is_hung = step_timeout_ > absl::ZeroDuration() && longest > step_timeout_;
    if (reported || !is_hung) continue;
    reported = true;
    on_hung_(WithReason(absl::UnavailableError(absl::StrCat("a device has not answered for ",
                                                            absl::FormatDuration(longest))),
                        kReasonDeviceLost));
  }
}

bool Watchdog::AwaitStop() {
  absl::MutexLock lock(&mu_);
  return clock_.AwaitWithDeadline(&mu_, absl::Condition(&stopping_), clock_.TimeNow() + kInterval);
}

}  // namespace darkroom
