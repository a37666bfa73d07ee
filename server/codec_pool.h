#ifndef DARKROOM_SERVER_CODEC_POOL_H_
#define DARKROOM_SERVER_CODEC_POOL_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace darkroom {

// A few threads for work that is neither the device's nor gRPC's: reading and writing image files.
// Tasks run in order of arrival. Thread-safe. The destructor runs what is left.
class CodecPool {
 public:
  // TryRun refuses while `max_waiting` tasks wait.
  CodecPool(int threads, size_t max_waiting);
  ~CodecPool();

  CodecPool(const CodecPool&) = delete;
  CodecPool& operator=(const CodecPool&) = delete;

  // For the work of an image that was accepted, which bounds it.
  void Run(absl::AnyInvocable<void() &&> task) ABSL_LOCKS_EXCLUDED(mu_);

  // For work that nothing else bounds yet. False: refused.
  bool TryRun(absl::AnyInvocable<void() &&> task) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when no task waits or runs.
  void AwaitIdle() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopping_ || !tasks_.empty(); }

  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return running_ == 0 && tasks_.empty(); }

  const size_t max_waiting_;
  absl::Mutex mu_;
  std::deque<absl::AnyInvocable<void() &&>> tasks_ ABSL_GUARDED_BY(mu_);
  int running_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_POOL_H_
