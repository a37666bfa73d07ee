#ifndef DARKROOM_SERVER_METRICS_METRICS_H_
#define DARKROOM_SERVER_METRICS_METRICS_H_

#include <cstdint>
#include <memory>

#include "model/image_generator.h"
#include "server/metrics/batch_metrics.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/image_metrics.h"
#include "server/metrics/state_metrics.h"

namespace darkroom {

// The server's Prometheus metrics, all prefixed `darkroom_`. Every label set exists from the start,
// at zero, so that rates and absence can be told apart. Thread-safe.
struct Metrics {
  Metrics(const ModelInfo& model, int64_t queue_limit)
      : calls(*registry),
        batches(*registry, model.id, queue_limit),
        images(*registry, model.id),
        state(*registry, model) {}

  // For an exposer, which holds it weakly.
  const std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  CallMetrics calls;
  BatchMetrics batches;
  ImageMetrics images;
  StateMetrics state;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_METRICS_H_
