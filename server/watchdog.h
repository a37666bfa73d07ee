#ifndef DARKROOM_SERVER_WATCHDOG_H_
#define DARKROOM_SERVER_WATCHDOG_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"
#include "server/device_pool.h"
#include "server/live_calls.h"

namespace darkroom {

// Looks, several times a second, for what hangs: a device at one call for longer than
// `step_timeout` (zero: for ever), which it reports once, and calls whose readers do not read. The
// destructor joins.
class Watchdog {
 public:
  // Everything is borrowed and outlives the watchdog. `on_hung` runs on its thread.
  Watchdog(const DevicePool& devices, LiveCalls& calls, absl::Duration step_timeout, Clock& clock,
           absl::AnyInvocable<void(const absl::Status&)> on_hung);
  ~Watchdog();

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool AwaitStop() ABSL_LOCKS_EXCLUDED(mu_);

  const DevicePool& devices_;
  LiveCalls& calls_;
  const absl::Duration step_timeout_;
  Clock& clock_;
  absl::AnyInvocable<void(const absl::Status&)> on_hung_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Last, for it uses all else.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_WATCHDOG_H_
