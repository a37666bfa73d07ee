#ifndef DARKROOM_CLIENT_CLI_INTERRUPT_H_
#define DARKROOM_CLIENT_CLI_INTERRUPT_H_

#include <atomic>
#include <csignal>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace darkroom {

// Holds SIGINT and SIGTERM back from the current thread, and from every thread it starts, until the
// destructor. Make it before anything that starts threads.
class InterruptBlock {
 public:
  InterruptBlock();
  ~InterruptBlock();

  InterruptBlock(const InterruptBlock&) = delete;
  InterruptBlock& operator=(const InterruptBlock&) = delete;

 private:
  sigset_t previous_;
};

// Calls `on_interrupt`, on a thread of its own, at the first SIGINT or SIGTERM that an
// InterruptBlock holds back; the second ends the program at once with status 130.
class InterruptWatcher {
 public:
  explicit InterruptWatcher(absl::AnyInvocable<void()> on_interrupt);
  // A callback that has begun has ended when this returns.
  ~InterruptWatcher();

  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

  bool interrupted() const { return interrupted_; }

 private:
  void Run();

  absl::AnyInvocable<void()> on_interrupt_;
  std::atomic<bool> interrupted_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // Last, so that everything it uses exists before it starts.
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_INTERRUPT_H_
