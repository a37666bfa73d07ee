#ifndef DARKROOM_SERVER_CODEC_POOL_H_
#define DARKROOM_SERVER_CODEC_POOL_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace darkroom {

// A few threads for work that is neither the device's nor gRPC's: packing images into files. Tasks
// run in order of arrival; nothing bounds them here, for each belongs to an image that was
// accepted. Thread-safe. The destructor runs what is left.
class CodecPool {
 public:
  explicit CodecPool(int threads);
  ~CodecPool();

  CodecPool(const CodecPool&) = delete;
  CodecPool& operator=(const CodecPool&) = delete;

  void Run(absl::AnyInvocable<void() &&> task) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopping_ || !tasks_.empty(); }

  absl::Mutex mu_;
  std::deque<absl::AnyInvocable<void() &&>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_POOL_H_
