#ifndef DARKROOM_SERVER_METRICS_H_
#define DARKROOM_SERVER_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_observer.h"
#include "model/image_generator.h"

namespace darkroom {

// Where an image's time goes.
enum class Stage { kTextEncode, kDenoiseStep, kVaeDecode, kEncode };

// The server's Prometheus metrics, all prefixed `darkroom_`. Every label set exists from the start,
// at zero, so that rates and absence can be told apart. Thread-safe; recording never blocks for
// long.
class Metrics final : public BatchObserver {
 public:
  Metrics(const ModelInfo& model, int64_t queue_limit);

  void OnQueueDepth(int64_t images) override;
  void OnQueueWait(absl::Duration waited) override;
  void OnPass(int rows) override;

  void OnStage(Stage stage, absl::Duration took);
  void OnImage();
  // An image overflowed its decoder's dtype and was decoded again.
  void OnNanRetry();
  void OnCallStarted();
  // The call's answer, and what was between its arrival and that.
  void OnCallEnded(const absl::Status& status, absl::Duration took);
  void SetReady(bool ready);

  // For an exposer, which holds it weakly.
  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  prometheus::Counter& AddCounter(const std::string& name, const std::string& help);
  prometheus::Gauge& AddGauge(const std::string& name, const std::string& help);
  void AddRequestMetrics();
  void AddInfo(const ModelInfo& model);

  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  prometheus::Gauge& queue_depth_;
  prometheus::Gauge& live_calls_;
  prometheus::Gauge& ready_;
  prometheus::Counter& images_;
  prometheus::Counter& denoise_steps_;
  prometheus::Counter& nan_retries_;
  prometheus::Histogram* queue_wait_;
  prometheus::Histogram* batch_size_;
  std::map<Stage, prometheus::Histogram*> stages_;
  std::map<absl::StatusCode, prometheus::Counter*> requests_;
  std::map<std::string, prometheus::Histogram*> durations_;  // By outcome.
  std::map<std::string, prometheus::Counter*> rejected_;     // By reason.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_H_
