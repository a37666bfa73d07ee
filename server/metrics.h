#ifndef DARKROOM_SERVER_METRICS_H_
#define DARKROOM_SERVER_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_observer.h"
#include "model/image_generator.h"
#include "server/method.h"

namespace darkroom {

// Where an image's time goes.
enum class Stage { kTextEncode, kDenoiseStep, kVaeDecode, kEncode };

// The server's Prometheus metrics, all prefixed `darkroom_`. Every label set exists from the start,
// at zero, so that rates and absence can be told apart. Thread-safe; recording never blocks for
// long.
class Metrics final : public BatchObserver {
 public:
  Metrics(const ModelInfo& model, int64_t queue_limit);

  void OnImages(int64_t waiting_change, int64_t running_change) override;
  void OnQueueWait(absl::Duration waited) override;
  void OnPass(int rows) override;

  void OnStage(Stage stage, absl::Duration took);
  void OnImage();
  // An image overflowed its decoder's dtype and was decoded again.
  void OnNanRetry();
  void OnCallStarted();
  // The call's answer, and what was between its arrival and that.
  void OnCallEnded(Method method, const absl::Status& status, absl::Duration took);
  void SetReady(bool ready);
  bool is_ready() const { return ready_.Value() > 0; }
  void SetDraining();
  // The files were read again: whether they were taken.
  void OnTlsReloaded(bool taken);
  void OnTokensReloaded(bool taken);
  void SetCertificateExpiry(absl::Time expiry);

  // For an exposer, which holds it weakly.
  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  prometheus::Counter& AddCounter(const std::string& name, const std::string& help);
  prometheus::Gauge& AddGauge(const std::string& name, const std::string& help);
  void AddRequestMetrics();
  void AddInfo(const ModelInfo& model);

  std::atomic<bool> tls_taken_ = true;  // The newest files, each.
  std::atomic<bool> tokens_taken_ = true;
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  prometheus::Gauge& queue_depth_;
  prometheus::Gauge& running_images_;
  prometheus::Gauge& live_calls_;
  prometheus::Gauge& ready_;
  prometheus::Gauge& draining_;
  prometheus::Gauge& certificate_expiry_;
  prometheus::Gauge& last_reload_;
  prometheus::Counter& tls_failures_;
  prometheus::Counter& token_failures_;
  prometheus::Counter& images_;
  prometheus::Counter& denoise_steps_;
  prometheus::Counter& nan_retries_;
  prometheus::Histogram* queue_wait_;
  prometheus::Histogram* batch_size_;
  std::map<Stage, prometheus::Histogram*> stages_;
  std::map<std::pair<Method, absl::StatusCode>, prometheus::Counter*> requests_;
  std::map<std::pair<Method, std::string>, prometheus::Histogram*> durations_;  // By outcome.
  std::map<std::string, prometheus::Counter*> rejected_;                        // By reason.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_H_
