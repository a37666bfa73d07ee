#include "client/cli/interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace darkroom {
namespace {

constexpr int kInterruptedStatus = 130;  // What a shell reports after Ctrl-C.

sigset_t Interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

InterruptBlock::InterruptBlock() {
  const sigset_t signals = Interrupts();
  pthread_sigmask(SIG_BLOCK, &signals, &previous_);
}

InterruptBlock::~InterruptBlock() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

InterruptWatcher::InterruptWatcher(absl::AnyInvocable<void()> on_interrupt)
    : on_interrupt_(std::move(on_interrupt)), thread_([this] { Run(); }) {}

InterruptWatcher::~InterruptWatcher() {
  stopping_ = true;
  pthread_kill(thread_.native_handle(), SIGINT);  // Wakes sigwait() in this thread alone.
  thread_.join();
}

void InterruptWatcher::Run() {
  const sigset_t signals = Interrupts();
  int signal = 0;
  while (sigwait(&signals, &signal) == 0) {
    if (stopping_) return;
    if (interrupted_.exchange(true)) _exit(kInterruptedStatus);
    on_interrupt_();
  }
}

}  // namespace darkroom
