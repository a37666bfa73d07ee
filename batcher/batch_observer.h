#ifndef DARKROOM_BATCHER_BATCH_OBSERVER_H_
#define DARKROOM_BATCHER_BATCH_OBSERVER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace darkroom {

// What metrics may know of the batcher. Calls come from any thread, some under the batcher's lock:
// they must be quick and must not call back.
class BatchObserver {
 public:
  virtual ~BatchObserver() = default;

  // So many images more, or less, wait for the device or are under way on it.
  virtual void OnImages(int64_t waiting_change, int64_t running_change) = 0;
  // A row left the queue for the device.
  virtual void OnQueueWait(absl::Duration waited) = 0;
  // A UNet pass ran with this many rows.
  virtual void OnPass(int rows) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_OBSERVER_H_
