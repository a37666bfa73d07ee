#include "server/device_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace darkroom {

DevicePool::DevicePool(std::vector<std::unique_ptr<DeviceWorker>> workers)
    : workers_(std::move(workers)) {}

absl::StatusOr<JobTicket> DevicePool::Submit(std::vector<ImageJob> jobs, const JobTerms& terms) {
  absl::Status refusal;
  for (const size_t device : Order(jobs, terms)) {
    DeviceWorker& worker = *workers_[device];
    const RowId first = worker.ReserveRows(jobs.size());
    const absl::Status status = worker.Submit(first, std::move(jobs), terms);
    if (status.ok()) return JobTicket{device, first};
    refusal.Update(status);
  }
  return refusal;
}

std::vector<size_t> DevicePool::Order(const std::vector<ImageJob>& jobs, const JobTerms& terms) {
  if (workers_.size() == 1) return {0};
  std::vector<std::pair<absl::Duration, size_t>> waits;
  for (size_t i = 0; i < workers_.size(); ++i) {
    waits.emplace_back(workers_[i]->Predict(jobs, terms), i);
  }
  std::sort(waits.begin(), waits.end());
  std::vector<size_t> order;
  for (const auto& [wait, device] : waits) order.push_back(device);
  return order;
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

std::vector<DeviceStatus> DevicePool::Status() const {
  std::vector<DeviceStatus> devices;
  for (const auto& worker : workers_) devices.push_back(worker->Status());
  return devices;
}

absl::Duration DevicePool::LongestCall() const {
  absl::Duration longest = absl::ZeroDuration();
  for (const auto& worker : workers_) longest = std::max(longest, worker->CallDuration());
  return longest;
}

}  // namespace darkroom
