#ifndef DARKROOM_BATCHER_BATCHER_H_
#define DARKROOM_BATCHER_BATCHER_H_

#include <optional>
#include <span>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/batch_observer.h"
#include "batcher/batch_options.h"
#include "batcher/clock.h"
#include "batcher/engine.h"
#include "batcher/planner.h"
#include "batcher/row.h"

namespace darkroom {

// Gathers rows into batches and takes them through an engine, on a thread of its own.
//
// Every accepted row ends exactly once, through Engine::End. A row whose engine call fails ends
// with that call's status; its batch mates go on without it. When the device itself has failed, all
// rows end and no others are accepted. Thread-safe. The destructor refuses
// new rows, ends those that are left with UNAVAILABLE, and returns when the thread has.
class Batcher {
 public:
  // `options` are valid. The clock, engine and observer are borrowed and outlive the batcher.
  Batcher(const BatchOptions& options, const DeviceProfile& profile, Clock& clock, Engine& engine,
          BatchObserver& observer);
  ~Batcher();

  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // As Planner::Submit, and UNAVAILABLE when draining. Quick; may end a row before it returns.
  absl::Status Submit(const BatchRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // Lets the request's rows leave at the next step boundary, with CANCELLED. Requests that have
  // ended are ignored.
  void Cancel(RowId request) ABSL_LOCKS_EXCLUDED(mu_);

  // As Planner::Extend.
  void Extend(RowId request, absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

  // As Planner::PlaceOf.
  std::optional<QueuePlace> PlaceOf(RowId request) ABSL_LOCKS_EXCLUDED(mu_);

  // As Planner::OldestWait.
  absl::Duration OldestWait() ABSL_LOCKS_EXCLUDED(mu_);

  // As Planner::Predict.
  absl::Duration Predict(const BatchRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // When a request of so many images, refused now for want of room, might find it.
  absl::Duration RetryDelay(size_t images) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses new rows and waits until all accepted ones have ended. Those that wait and are not
  // predicted to be done within `patience` end with UNAVAILABLE at once, so that their callers can
  // go elsewhere; those still there after it, at the next step boundary.
  void Drain(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // The next thing to do, once there is one; nothing when drained.
  std::optional<Decision> AwaitDecision() ABSL_LOCKS_EXCLUDED(mu_);
  void ReportStart(const Decision& start, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportPass(std::span<const RowId> rows, absl::Duration took)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportHouse() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Perform(const Decision& decision) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes the call for all rows, or, where that fails, for ever smaller halves, so that only rows
  // that fail alone end.
  void CallIsolated(CallKind kind, std::span<const RowId> rows) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Call(CallKind kind, std::span<const RowId> rows) ABSL_LOCKS_EXCLUDED(mu_);
  void EndRows(std::span<const RowId> rows, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  Clock& clock_;
  Engine& engine_;
  BatchObserver& observer_;

  absl::Mutex mu_;
  Planner planner_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // By when to have drained, until what cannot be done by then has been handed back.
  std::optional<absl::Time> hand_back_ ABSL_GUARDED_BY(mu_);
  // Why all rows are to end, once they are: draining took too long, or the device has failed.
  absl::Status abandoned_ ABSL_GUARDED_BY(mu_);
  bool has_news_ ABSL_GUARDED_BY(mu_) = false;  // Something changed since the last decision.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  HouseCounts reported_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // Last, so that everything it uses exists before it starts.
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCHER_H_
