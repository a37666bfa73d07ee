#ifndef DARKROOM_SERVER_METRICS_LOG_COLLECTOR_H_
#define DARKROOM_SERVER_METRICS_LOG_COLLECTOR_H_

#include <prometheus/collectable.h>

#include <vector>

namespace darkroom {

// The log counts its own drops, for it must not wait for anybody; here they are read. Thread-safe.
class LogCollector final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_LOG_COLLECTOR_H_
