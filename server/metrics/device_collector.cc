#include "server/metrics/device_collector.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/metrics/sample.h"

namespace darkroom {
namespace {

using prometheus::MetricType;

// A device that serves several times is told apart by a number.
std::vector<std::string> Unique(const std::vector<std::string>& names) {
  std::vector<std::string> unique;
  std::map<std::string, int> seen;
  for (const std::string& name : names) {
    const int before = seen[name]++;
    unique.push_back(before == 0 ? name : absl::StrCat(name, "/", before));
  }
  return unique;
}

}  // namespace

DeviceCollector::DeviceCollector(const std::vector<std::string>& names, DevicePool& devices)
    : names_(Unique(names)), devices_(devices) {}

std::vector<prometheus::MetricFamily> DeviceCollector::Collect() const {
  const std::vector<DeviceStatus> devices = devices_.Status();
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  absl::Duration oldest;
  double calls = 0;
  std::vector<prometheus::ClientMetric> busy, heartbeats, memory;
  for (size_t i = 0; i < devices.size(); ++i) {
    const DeviceStatus& device = devices[i];
    oldest = std::max(oldest, device.oldest_wait);
    if (device.in_call > absl::ZeroDuration()) ++calls;
    busy.push_back(
        Sample(MetricType::Counter, absl::ToDoubleSeconds(device.busy), {{"device", names_[i]}}));
    heartbeats.push_back(Sample(MetricType::Gauge, now - absl::ToDoubleSeconds(device.in_call),
                                {{"device", names_[i]}}));
    for (const auto& [kind, bytes] :
         {std::pair("free", device.free_bytes), std::pair("total", device.total_bytes)}) {
      if (bytes == INT64_MAX) continue;  // Nobody knows.
      memory.push_back(Sample(MetricType::Gauge, static_cast<double>(bytes),
                              {{"device", names_[i]}, {"kind", kind}}));
    }
  }
  return {Family("darkroom_queue_oldest_age_seconds",
                 "How long the oldest image that waits has waited; 0 when none does.",
                 MetricType::Gauge, {Sample(MetricType::Gauge, absl::ToDoubleSeconds(oldest))}),
          Family("darkroom_inflight_batches", "Devices that are at a call.", MetricType::Gauge,
                 {Sample(MetricType::Gauge, calls)}),
          Family("darkroom_device_busy_seconds_total", "Time in calls of the device.",
                 MetricType::Counter, std::move(busy)),
          Family("darkroom_worker_heartbeat_timestamp_seconds",
                 "When the device's worker was last at hand: the start of the call that it is at, "
                 "else now.",
                 MetricType::Gauge, std::move(heartbeats)),
          Family("darkroom_device_memory_bytes", "Memory of the device.", MetricType::Gauge,
                 std::move(memory))};
}

}  // namespace darkroom
