#ifndef DARKROOM_BATCHER_DRAIN_RATE_H_
#define DARKROOM_BATCHER_DRAIN_RATE_H_

#include <cstddef>

#include "absl/time/time.h"

namespace darkroom {

// How fast a house that is not empty empties, as measured. Not thread-safe.
class DrainRate {
 public:
  // A row has left, whichever way; `was_last` when none is left behind.
  void OnEnd(absl::Time now, bool was_last);

  // How long so many rows take to leave: 100 ms to a minute, a second as long as nothing is known.
  absl::Duration TimeFor(size_t rows) const;

 private:
  absl::Time last_end_ = absl::InfinitePast();  // Infinite past: the house was empty since.
  // That have left, and the seconds that it took; both with those of long ago fading.
  double rows_ = 0;
  double seconds_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_DRAIN_RATE_H_
