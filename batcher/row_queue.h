#ifndef DARKROOM_BATCHER_ROW_QUEUE_H_
#define DARKROOM_BATCHER_ROW_QUEUE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_options.h"
#include "batcher/row.h"

namespace darkroom {

// Rows that wait for the device: bounded, one line for each key, first come first served within it.
//
// Plain data: no thread, no lock, no clock.
class RowQueue {
 public:
  // Rows that may leave together, and when.
  struct Departure {
    BatchKey key;
    absl::Time due;
  };

  explicit RowQueue(const BatchOptions& options);

  // Takes all rows of one request or none: RESOURCE_EXHAUSTED when they do not fit.
  absl::Status Push(std::span<const Row> rows);

  // The line that leaves first. A line is due when its oldest row has waited one window, or when
  // the row arrived that filled a batch; so a rare key's turn comes however busy the others are.
  // Nothing when nobody waits.
  std::optional<Departure> NextDeparture() const;

  // Removes and returns the oldest rows of the key, at most one batch of them.
  std::vector<Row> PopBatch(const BatchKey& key);

  // Marks a waiting row as cancelled; false when it does not wait here.
  bool Cancel(RowId id);

  // Rows that are cancelled or whose deadline is not after `now`.
  std::vector<Row> Overdue(absl::Time now) const;
  // All rows, in no particular order.
  std::vector<Row> All() const;
  void Remove(std::span<const Row> rows);

  // The earliest deadline of a waiting row; InfiniteFuture() when there is none.
  absl::Time EarliestDeadline() const {
    return deadlines_.empty() ? absl::InfiniteFuture() : *deadlines_.begin();
  }

  int64_t images() const { return images_; }
  int64_t pixels() const { return pixels_; }

 private:
  void CountIn(const Row& row);
  void CountOut(const Row& row);

  BatchOptions options_;
  std::map<BatchKey, std::deque<Row>> lines_;  // No line is empty.
  int64_t images_ = 0;
  int64_t pixels_ = 0;
  // So that a long queue is searched for overdue rows only when there are some.
  std::multiset<absl::Time> deadlines_;
  int64_t cancelled_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ROW_QUEUE_H_
