#ifndef DARKROOM_BATCHER_BATCH_POLICY_H_
#define DARKROOM_BATCHER_BATCH_POLICY_H_

#include <span>
#include <vector>

#include "absl/time/time.h"
#include "batcher/row.h"
#include "batcher/row_queue.h"

namespace darkroom {

// A row that has left the queue for the device.
struct RunningRow {
  Row row;
  bool started = false;
  int steps_left = 0;
};

// What the batcher does next.
struct Decision {
  enum class Action {
    kWait,    // Nothing until `wake`, or until something changes.
    kDrop,    // `rows` are cancelled or late: they leave without an image.
    kTake,    // The rows of `key` leave the queue for the device.
    kStart,   // `rows` are prepared for their first step.
    kStep,    // `rows` share one UNet pass.
    kFinish,  // `rows` have no steps left: they are decoded and leave with their images.
  };

  Action action = Action::kWait;
  absl::Time wake = absl::InfiniteFuture();
  BatchKey key;
  std::vector<Row> rows;
};

// The rule of static batching, as a pure function of plain values. Rows that arrive within one
// window, or fill the batch, leave the queue together and share every pass until each has had its
// steps; the next batch waits until the last of them has left. A row with fewer steps than its
// mates is decoded as soon as it is done, and a dropped one leaves at the next step boundary.
//
// `draining` sends waiting rows off at once: nobody else is coming.
Decision Decide(absl::Time now, const RowQueue& waiting, std::span<const RunningRow> running,
                bool draining);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_POLICY_H_
