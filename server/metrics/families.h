#ifndef DARKROOM_SERVER_METRICS_FAMILIES_H_
#define DARKROOM_SERVER_METRICS_FAMILIES_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>

namespace darkroom {

using MetricLabels = std::map<std::string, std::string>;
using MetricBuckets = prometheus::Histogram::BucketBoundaries;

// Edges that suit waiting: some at usual batch windows, some at what callers bear. Seconds.
inline const MetricBuckets kWaitSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10,   30};

// A metric with these labels, at zero, of the family of that name: the first call for a name makes
// the family, others add to it. References live as long as the registry.
prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const MetricLabels& labels = {});
prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help, const MetricLabels& labels = {});
prometheus::Histogram& AddHistogram(prometheus::Registry& registry, const std::string& name,
                                    const std::string& help, const MetricBuckets& buckets,
                                    const MetricLabels& labels = {});

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_FAMILIES_H_
