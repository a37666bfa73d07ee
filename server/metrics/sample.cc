#include "server/metrics/sample.h"

#include <utility>

namespace darkroom {

prometheus::ClientMetric Sample(prometheus::MetricType type, double value,
                                std::vector<prometheus::ClientMetric::Label> labels) {
  prometheus::ClientMetric sample;
  sample.label = std::move(labels);
  if (type == prometheus::MetricType::Counter) {
    sample.counter.value = value;
  } else {
    sample.gauge.value = value;
  }
  return sample;
}

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type,
                                std::vector<prometheus::ClientMetric> samples) {
  return {
      .name = std::move(name), .help = std::move(help), .type = type, .metric = std::move(samples)};
}

}  // namespace darkroom
