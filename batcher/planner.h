#ifndef DARKROOM_BATCHER_PLANNER_H_
#define DARKROOM_BATCHER_PLANNER_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_caps.h"
#include "batcher/batch_options.h"
#include "batcher/batch_policy.h"
#include "batcher/cost_model.h"
#include "batcher/drain_rate.h"
#include "batcher/load_estimate.h"
#include "batcher/row.h"
#include "batcher/row_table.h"

namespace darkroom {

// What is known of a device before its first request.
struct DeviceProfile {
  CostModel costs;
  BatchCaps caps;
};

// Where a request stands.
struct QueuePlace {
  int64_t images_before = 0;  // That wait and are due before its own.
  absl::Duration wait;        // Until its last image is done, as predicted.

  bool operator==(const QueuePlace&) const = default;
};

// The batcher without its thread: everybody in the house, and what is known of the device. Time
// comes in with every call and never goes back, so that it can be simulated. Not thread-safe.
class Planner {
 public:
  // The options are valid.
  Planner(const BatchOptions& options, const DeviceProfile& profile);

  // Takes all rows of the request or, with a status, none: RESOURCE_EXHAUSTED when the queue or the
  // tenant's share of it is full, INVALID_ARGUMENT when it never has room (see CheckRoom),
  // DEADLINE_EXCEEDED when the deadline has passed or is predicted to pass first.
  absl::Status Submit(absl::Time now, const BatchRequest& request);
  void Cancel(RowId request) { rows_.Cancel(request); }
  // Nobody asks any more for the request to be done before this deadline.
  void Extend(RowId request, absl::Time deadline) { rows_.Extend(request, deadline); }
  // Nobody comes any more: no window is worth waiting for.
  void Drain() { draining_ = true; }

  // What the device is to do now. Rows to start count as started from here on; all else changes
  // through the calls below.
  Decision Next(absl::Time now);

  // A call over these rows, all of one key, has ended well.
  void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now, absl::Duration took);
  // A call over these rows found no memory.
  void OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now);
  // The row is gone, whichever way.
  void OnEnd(RowId row, absl::Time now);

  // When so many images might find room that were refused now.
  absl::Duration RetryDelay(size_t images) const { return drain_rate_.TimeFor(images); }
  // How long the request would take, from now to its last image.
  absl::Duration Predict(absl::Time now, const BatchRequest& request) const;
  // Of a request that was accepted; nothing when it has ended.
  std::optional<QueuePlace> PlaceOf(absl::Time now, RowId request) const;
  // How long the first of those has been here that wait; zero when none does.
  absl::Duration OldestWait(absl::Time now) const;
  // UNet samples that only fill the rows' pass to its fixed shape.
  int PaddingOf(std::span<const RowId> rows) const;
  // Waiting rows of requests that are not predicted to be done by then.
  std::vector<RowId> RowsBeyond(absl::Time now, absl::Time end) const;
  const RowTable& rows() const { return rows_; }

 private:
  // The most rows of the key that a pass may have now.
  int Limit(const BatchKey& key, absl::Time now) const;
  // What is known of the key's times may be wrong: nothing was heard of them for a while.
  bool DoubtsCosts(const BatchKey& key, absl::Time now) const;
  void NoteCall(const BatchKey& key, absl::Time now);

  const BatchOptions options_;
  CostModel costs_;
  BatchCaps caps_;
  RowTable rows_;
  LoadEstimate load_;
  DrainRate drain_rate_;
  absl::Time idle_since_ = absl::InfinitePast();          // When the last call returned.
  absl::flat_hash_map<BatchKey, absl::Time> last_calls_;  // Of keys called lately.
  absl::Time first_submit_ = absl::InfiniteFuture();      // Shortly before it the profile was made.
  bool draining_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_PLANNER_H_
