#ifndef DARKROOM_SERVER_METRICS_SAMPLE_H_
#define DARKROOM_SERVER_METRICS_SAMPLE_H_

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace darkroom {

// For collectors, whose metrics exist while they are scraped alone.
prometheus::ClientMetric Sample(prometheus::MetricType type, double value,
                                std::vector<prometheus::ClientMetric::Label> labels = {});
prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type,
                                std::vector<prometheus::ClientMetric> samples);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_SAMPLE_H_
