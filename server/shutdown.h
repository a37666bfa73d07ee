#ifndef DARKROOM_SERVER_SHUTDOWN_H_
#define DARKROOM_SERVER_SHUTDOWN_H_

#include <atomic>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace darkroom {

// Keeps SIGTERM and SIGINT from ending the process, in this thread and all that it starts from now
// on; ignores SIGPIPE. To be called before any other thread exists.
void HoldShutdownSignals();

// Something that ends the server, or hastens its end.
struct StopEvent {
  enum class Kind { kSignal, kFailure, kDrained };
  Kind kind = Kind::kSignal;
  int signal = 0;        // Of kSignal.
  absl::Status failure;  // Of kFailure.
};

// The events that end the server, in order. Takes in the signals that HoldShutdownSignals, which
// comes first, has held, on a thread of its own. Thread-safe.
class StopEvents {
 public:
  StopEvents();
  ~StopEvents();

  StopEvents(const StopEvents&) = delete;
  StopEvents& operator=(const StopEvents&) = delete;

  void Post(StopEvent event) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for the next one.
  StopEvent Next() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void AwaitSignals();

  std::atomic<bool> stopping_ = false;
  absl::Mutex mu_;
  std::deque<StopEvent> events_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // Last, for it uses all else.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SHUTDOWN_H_
