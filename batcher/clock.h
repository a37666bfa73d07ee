#ifndef DARKROOM_BATCHER_CLOCK_H_
#define DARKROOM_BATCHER_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace darkroom {

// Where time comes from. Method names are those of today's absl::Clock, which Debian's abseil
// lacks.
//
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never runs backwards.
  virtual absl::Time TimeNow() = 0;

  // Waits until `ready` holds or `deadline` passes on this clock; returns whether `ready` holds.
  virtual bool AwaitWithDeadline(absl::Mutex* mu, const absl::Condition& ready, absl::Time deadline)
      ABSL_SHARED_LOCKS_REQUIRED(mu) = 0;
};

// The machine's steady clock, set to the wall clock's time when the process asked first; later
// jumps of the wall clock move no deadline. Lives as long as the process.
Clock& SteadyClock();

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_CLOCK_H_
