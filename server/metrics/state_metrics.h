#ifndef DARKROOM_SERVER_METRICS_STATE_METRICS_H_
#define DARKROOM_SERVER_METRICS_STATE_METRICS_H_

#include <atomic>

#include "absl/time/time.h"
#include "model/image_generator.h"
#include "server/metrics/families.h"

namespace darkroom {

// What the server is, and whether it is well. Thread-safe.
class StateMetrics {
 public:
  StateMetrics(prometheus::Registry& registry, const ModelInfo& model);

  void SetReady(bool ready) { ready_.Set(ready ? 1 : 0); }
  bool is_ready() const { return ready_.Value() > 0; }
  void SetDraining() { draining_.Set(1); }
  // The files were read again: whether they were taken.
  void OnTlsReloaded(bool taken);
  void OnTokensReloaded(bool taken);
  void SetCertificateExpiry(absl::Time expiry);

 private:
  std::atomic<bool> tls_taken_ = true;  // The newest files, each.
  std::atomic<bool> tokens_taken_ = true;
  prometheus::Gauge& ready_;
  prometheus::Gauge& draining_;
  prometheus::Gauge& certificate_expiry_;
  prometheus::Gauge& last_reload_;
  prometheus::Counter& tls_failures_;
  prometheus::Counter& token_failures_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_STATE_METRICS_H_
