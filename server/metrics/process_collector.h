#ifndef DARKROOM_SERVER_METRICS_PROCESS_COLLECTOR_H_
#define DARKROOM_SERVER_METRICS_PROCESS_COLLECTOR_H_

#include <prometheus/collectable.h>

#include <vector>

namespace darkroom {

// What the system knows of this process, under the names that all Prometheus clients use for it:
// `process_*`. Read from /proc at each scrape; what cannot be read is left out. Thread-safe.
class ProcessCollector final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_PROCESS_COLLECTOR_H_
