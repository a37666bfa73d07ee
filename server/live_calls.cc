#include "server/live_calls.h"

#include <utility>

namespace darkroom {

void LiveCalls::Add(const std::shared_ptr<LiveCall>& call) {
  absl::Status abort;
  {
    absl::MutexLock lock(&mu_);
    calls_.emplace(call.get(), call);
    abort = abort_;
  }
  if (!abort.ok()) call->Abort(abort);
}

void LiveCalls::Remove(const LiveCall& call) {
  absl::MutexLock lock(&mu_);
  calls_.erase(&call);
}

void LiveCalls::AbortAll(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    abort_.Update(status);
  }
  for (const auto& call : All()) call->Abort(status);
}

void LiveCalls::AwaitNone(absl::Time deadline, Clock& clock) {
  absl::MutexLock lock(&mu_);
  clock.AwaitWithDeadline(&mu_, absl::Condition(this, &LiveCalls::IsEmpty), deadline);
}

void LiveCalls::Tick(absl::Time now) {
  for (const auto& call : All()) call->OnTick(now);
}

std::vector<std::shared_ptr<LiveCall>> LiveCalls::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<LiveCall>> all;
  for (const auto& [unused, weak] : calls_) {
    if (std::shared_ptr<LiveCall> call = weak.lock()) all.push_back(std::move(call));
  }
  return all;
}

}  // namespace darkroom
