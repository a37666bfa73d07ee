#include "server/codec_pool.h"

#include <utility>

namespace darkroom {

CodecPool::CodecPool(int threads, size_t max_waiting) : max_waiting_(max_waiting) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back(&CodecPool::Work, this);
}

CodecPool::~CodecPool() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void CodecPool::Run(absl::AnyInvocable<void() &&> task) {
  absl::MutexLock lock(&mu_);
  tasks_.push_back(std::move(task));
}

bool CodecPool::TryRun(absl::AnyInvocable<void() &&> task) {
  absl::MutexLock lock(&mu_);
  if (tasks_.size() >= max_waiting_) return false;
  tasks_.push_back(std::move(task));
  return true;
}

void CodecPool::AwaitIdle() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &CodecPool::IsIdle));
}

void CodecPool::Work() {
  while (true) {
    absl::AnyInvocable<void() &&> task;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &CodecPool::HasNews));
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      ++running_;
    }
    std::move(task)();
    task = nullptr;  // What it holds goes before it counts as done.
    absl::MutexLock lock(&mu_);
    --running_;
  }
}

}  // namespace darkroom
