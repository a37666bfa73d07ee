#ifndef DARKROOM_SERVER_LIVE_CALLS_H_
#define DARKROOM_SERVER_LIVE_CALLS_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"

namespace darkroom {

// A call that gRPC is not done with.
class LiveCall {
 public:
  virtual ~LiveCall() = default;

  // Answers the call with this status, unless it has been answered.
  virtual void Abort(const absl::Status& status) = 0;

  // Time has passed: whoever keeps the call waiting may have done so for too long.
  virtual void OnTick(absl::Time /*now*/) {}
};

// Every call from its arrival until gRPC is done with it. grpc::Server::Shutdown returns only when
// all of them are answered, so there must be a way to all of them. Thread-safe.
class LiveCalls {
 public:
  void Add(const std::shared_ptr<LiveCall>& call) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const LiveCall& call) ABSL_LOCKS_EXCLUDED(mu_);

  // Aborts every call, also those that come later.
  void AbortAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when there is no call, or at the deadline.
  void AwaitNone(absl::Time deadline, Clock& clock) ABSL_LOCKS_EXCLUDED(mu_);

  void Tick(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  bool IsEmpty() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return calls_.empty(); }
  std::vector<std::shared_ptr<LiveCall>> All() const ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  absl::flat_hash_map<const LiveCall*, std::weak_ptr<LiveCall>> calls_ ABSL_GUARDED_BY(mu_);
  absl::Status abort_ ABSL_GUARDED_BY(mu_);  // Not OK once all are to be aborted.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_LIVE_CALLS_H_
