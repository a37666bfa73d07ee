#include "server/metrics/state_metrics.h"

#include <grpcpp/grpcpp.h>

namespace darkroom {

StateMetrics::StateMetrics(prometheus::Registry& registry, const ModelInfo& model)
    : ready_(AddGauge(registry, "darkroom_ready", "1 while new calls are welcome.")),
      draining_(AddGauge(registry, "darkroom_draining", "1 from the shutdown signal on.")),
      certificate_expiry_(AddGauge(registry, "darkroom_tls_certificate_expiry_timestamp_seconds",
                                   "When the served certificate expires; 0 without TLS.")),
      last_reload_(AddGauge(registry, "darkroom_config_last_reload_success",
                            "0 when the newest certificates or tokens could not be taken.")),
      tls_failures_(AddCounter(registry, "darkroom_tls_reload_failures_total",
                               "New certificates that could not be taken.")),
      token_failures_(AddCounter(registry, "darkroom_token_reload_failures_total",
                                 "New token files that could not be taken.")) {
  last_reload_.Set(1);
  AddGauge(registry, "darkroom_build_info", "Always 1.",
           {{"version", DARKROOM_VERSION},
            {"revision", DARKROOM_REVISION},
            {"grpc", grpc::Version()},
            {"libtorch", model.libtorch},
            {"cuda", model.cuda.empty() ? "none" : model.cuda}})
      .Set(1);
  AddGauge(registry, "darkroom_model_info", "Always 1.",
           {{"model", model.id},
            {"hash", model.hash.substr(0, 12)},
            {"device", model.device},
            {"dtype", model.dtype},
            {"vae_dtype", model.vae_dtype}})
      .Set(1);
}

void StateMetrics::OnTlsReloaded(bool taken) {
  tls_taken_ = taken;
  last_reload_.Set(tls_taken_ && tokens_taken_ ? 1 : 0);
  if (!taken) tls_failures_.Increment();
}

void StateMetrics::OnTokensReloaded(bool taken) {
  tokens_taken_ = taken;
  last_reload_.Set(tls_taken_ && tokens_taken_ ? 1 : 0);
  if (!taken) token_failures_.Increment();
}

void StateMetrics::SetCertificateExpiry(absl::Time expiry) {
  certificate_expiry_.Set(absl::ToDoubleSeconds(expiry - absl::UnixEpoch()));
}

}  // namespace darkroom
