#ifndef DARKROOM_SERVER_METRICS_DEVICE_COLLECTOR_H_
#define DARKROOM_SERVER_METRICS_DEVICE_COLLECTOR_H_

#include <prometheus/collectable.h>

#include <string>
#include <vector>

#include "server/device_pool.h"

namespace darkroom {

// How the devices are, asked at each scrape: what they are at, their memory, and how long their
// oldest image has waited. Thread-safe.
class DeviceCollector final : public prometheus::Collectable {
 public:
  // `names` are those of the pool's devices. All is borrowed and outlives the collector.
  DeviceCollector(const std::vector<std::string>& names, DevicePool& devices);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::vector<std::string> names_;  // Each once.
  DevicePool& devices_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_DEVICE_COLLECTOR_H_
