#include "server/metrics/log_collector.h"

#include "server/logging.h"
#include "server/metrics/sample.h"

namespace darkroom {

std::vector<prometheus::MetricFamily> LogCollector::Collect() const {
  using prometheus::MetricType;
  return {Family("darkroom_log_dropped_total",
                 "Log lines dropped because standard error was too slow.", MetricType::Counter,
                 {Sample(MetricType::Counter, static_cast<double>(DroppedLines()))})};
}

}  // namespace darkroom
