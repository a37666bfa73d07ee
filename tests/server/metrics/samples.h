#ifndef DARKROOM_TESTS_SERVER_METRICS_SAMPLES_H_
#define DARKROOM_TESTS_SERVER_METRICS_SAMPLES_H_

#include <prometheus/collectable.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"

namespace darkroom {

// Every label set, as "name label=value", and its value: a counter's, a gauge's, a histogram's
// number of observations.
using Samples = std::map<std::string, double>;

inline Samples SamplesOf(const prometheus::Collectable& source) {
  Samples samples;
  for (const prometheus::MetricFamily& family : source.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string name = family.name;
      for (const auto& label : metric.label) {
        absl::StrAppend(&name, " ", label.name, "=", label.value);
      }
      samples[name] = metric.counter.value + metric.gauge.value +
                      static_cast<double>(metric.histogram.sample_count);
    }
  }
  return samples;
}

inline Samples ChangesSince(const Samples& before, const prometheus::Collectable& source) {
  Samples changes;
  for (const auto& [name, value] : SamplesOf(source)) {
    if (value != before.at(name)) changes[name] = value - before.at(name);
  }
  return changes;
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SERVER_METRICS_SAMPLES_H_
