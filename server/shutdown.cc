#include "server/shutdown.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace darkroom {
namespace {

constexpr int kEndThread = SIGUSR1;  // Wakes the thread that takes signals, to end.

sigset_t HeldSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kEndThread);
  return signals;
}

}  // namespace

void HoldShutdownSignals() {
  const sigset_t signals = HeldSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

StopEvents::StopEvents() : thread_(&StopEvents::AwaitSignals, this) {}

StopEvents::~StopEvents() {
  stopping_ = true;
  pthread_kill(thread_.native_handle(), kEndThread);
  thread_.join();
}

void StopEvents::Post(StopEvent event) {
  absl::MutexLock lock(&mu_);
  events_.push_back(std::move(event));
}

StopEvent StopEvents::Next() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](std::deque<StopEvent>* events) { return !events->empty(); }, &events_));
  StopEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void StopEvents::AwaitSignals() {
  const sigset_t signals = HeldSignals();
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (stopping_) return;
    if (signal == kEndThread) continue;  // Somebody else's.
    Post({.kind = StopEvent::Kind::kSignal, .signal = signal});
  }
}

}  // namespace darkroom
