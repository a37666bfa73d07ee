#ifndef DARKROOM_SERVER_DEVICE_POOL_H_
#define DARKROOM_SERVER_DEVICE_POOL_H_

#include <memory>
#include <optional>
#include <vector>

#include "server/device_worker.h"

namespace darkroom {

// Where the images of one request are made.
struct JobTicket {
  size_t device = 0;
  RowId first = 0;
};

// All devices: each request goes to the one that is predicted to be done with it first, or, where
// that refuses it, to the next, and stays there. Thread-safe.
class DevicePool {
 public:
  // At least one worker.
  explicit DevicePool(std::vector<std::unique_ptr<DeviceWorker>> workers);

  // See DeviceWorker::Submit; the status is that of the first one asked. The jobs may end before it
  // returns.
  absl::StatusOr<JobTicket> Submit(std::vector<ImageJob> jobs, const JobTerms& terms);
  // These do nothing for what has ended.
  void Cancel(const JobTicket& ticket);
  void Extend(const JobTicket& ticket, absl::Time deadline);
  std::optional<QueuePlace> PlaceOf(const JobTicket& ticket);

  // The shortest of the devices'.
  absl::Duration RetryDelay(size_t images);

  // Drains all of them at once: see Batcher::Drain.
  void Drain(absl::Duration patience);

  // Of each device, in order.
  std::vector<DeviceStatus> Status() const;

  // The longest that a device has been at its present call.
  absl::Duration LongestCall() const;

 private:
  // The devices, by when they are predicted to be done with the jobs.
  std::vector<size_t> Order(const std::vector<ImageJob>& jobs, const JobTerms& terms);

  const std::vector<std::unique_ptr<DeviceWorker>> workers_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_DEVICE_POOL_H_
