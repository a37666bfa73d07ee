#include "server/device_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace darkroom {

DevicePool::DevicePool(std::vector<std::unique_ptr<DeviceWorker>> workers)
    : workers_(std::move(workers)) {}

absl::StatusOr<JobTicket> DevicePool::Submit(std::vector<ImageJob> jobs, const JobTerms& terms) {
  JobTicket ticket;
  absl::Duration least = absl::InfiniteDuration();
  for (size_t i = 0; workers_.size() > 1 && i < workers_.size(); ++i) {
    const absl::Duration wait = workers_[i]->Predict(jobs, terms);
    if (wait >= least) continue;
    least = wait;
    ticket.device = i;
  }
  DeviceWorker& worker = *workers_[ticket.device];
  ticket.first = worker.ReserveRows(jobs.size());
  if (absl::Status s = worker.Submit(ticket.first, std::move(jobs), terms); !s.ok()) return s;
  return ticket;
}

void DevicePool::Cancel(const JobTicket& ticket) { workers_[ticket.device]->Cancel(ticket.first); }

void DevicePool::Extend(const JobTicket& ticket, absl::Time deadline) {
  workers_[ticket.device]->Extend(ticket.first, deadline);
}

std::optional<QueuePlace> DevicePool::PlaceOf(const JobTicket& ticket) {
  return workers_[ticket.device]->PlaceOf(ticket.first);
}

absl::Duration DevicePool::RetryDelay(size_t images) {
  absl::Duration least = absl::InfiniteDuration();
  for (const auto& worker : workers_) least = std::min(least, worker->RetryDelay(images));
  return least;
}

void DevicePool::Drain(absl::Duration patience) {
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([&worker, patience] { worker->Drain(patience); });
  }
  for (std::thread& thread : threads) thread.join();
}

absl::Duration DevicePool::LongestCall() const {
  absl::Duration longest = absl::ZeroDuration();
  for (const auto& worker : workers_) longest = std::max(longest, worker->CallDuration());
  return longest;
}

}  // namespace darkroom
