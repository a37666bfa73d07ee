#ifndef DARKROOM_BATCHER_BATCH_OBSERVER_H_
#define DARKROOM_BATCHER_BATCH_OBSERVER_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_policy.h"
#include "batcher/row.h"

namespace darkroom {

// What one batcher has in the house.
struct HouseCounts {
  std::array<int64_t, kPriorities> waiting = {};  // Images, by Priority.
  int64_t running = 0;                            // Images.
  int64_t pixel_steps = 0;                        // Of the images that wait.
  int64_t tenants = 0;                            // With images, waiting or running.

  bool operator==(const HouseCounts&) const = default;
};

// A UNet pass over images of one size.
struct PassReport {
  int rows = 0;
  int padding = 0;     // UNet samples that only fill the pass to its fixed shape.
  int64_t pixels = 0;  // Of each image.
  absl::Duration took;
};

// An image that nobody got.
struct LostRow {
  RowStage stage = RowStage::kQueued;  // Where it was.
  absl::Status reason;
  absl::Duration device_time;  // Its part in the calls that were made for it.
};

// What metrics may know of the batcher. Calls come from any thread, some under the batcher's lock:
// they must be quick and must not call back.
class BatchObserver {
 public:
  virtual ~BatchObserver() = default;

  // The house has so many more, or, where negative, less.
  virtual void OnHouse(const HouseCounts& change) = 0;
  // A row left the queue for the device.
  virtual void OnQueueWait(Priority priority, int64_t pixels, absl::Duration waited) = 0;
  // Rows left the queue together, the first of which had waited so long.
  virtual void OnStart(StartTrigger trigger, absl::Duration waited) = 0;
  virtual void OnPass(const PassReport& pass) = 0;
  // A device call failed: RESOURCE_EXHAUSTED, DATA_LOSS and UNAVAILABLE as Engine says. It is split
  // in two, or else its rows end.
  virtual void OnFailedCall(const absl::Status& why, bool is_split) = 0;
  virtual void OnLostRow(const LostRow& row) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_OBSERVER_H_
