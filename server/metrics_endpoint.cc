#include "server/metrics_endpoint.h"

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/logging.h"

namespace darkroom {
namespace {

// Every connection takes a thread until it has asked: those that ask slowly, or nothing at all,
// must not keep the others waiting.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeoutMs[] = "2000";

// The log counts its own drops, for it must not wait for anybody.
class LogMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::ClientMetric metric;
    metric.counter.value = static_cast<double>(DroppedLines());
    return {{.name = "darkroom_log_dropped_total",
             .help = "Log lines dropped because standard error was too slow.",
             .type = prometheus::MetricType::Counter,
             .metric = {metric}}};
  }
};

}  // namespace

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Start(const std::string& address,
                                                       const Metrics& metrics) try {
  MetricsEndpoint endpoint;
  endpoint.exposer_ = std::make_unique<prometheus::Exposer>(
      std::vector<std::string>{"listening_ports", address, "num_threads", kThreads,
                               "request_timeout_ms", kRequestTimeoutMs});
  endpoint.log_ = std::make_shared<LogMetrics>();
  endpoint.exposer_->RegisterCollectable(metrics.registry());
  endpoint.exposer_->RegisterCollectable(endpoint.log_);
  endpoint.address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":",
                                   endpoint.exposer_->GetListeningPorts().front());
  return endpoint;
} catch (const std::exception& error) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", error.what()));
}

}  // namespace darkroom
