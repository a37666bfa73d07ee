#include "server/metrics_endpoint.h"

#include <exception>

#include "absl/strings/str_cat.h"

namespace darkroom {

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Start(const std::string& address,
                                                       const Metrics& metrics) try {
  MetricsEndpoint endpoint;
  endpoint.exposer_ = std::make_unique<prometheus::Exposer>(address);
  endpoint.exposer_->RegisterCollectable(metrics.registry());
  endpoint.address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":",
                                   endpoint.exposer_->GetListeningPorts().front());
  return endpoint;
} catch (const std::exception& error) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", error.what()));
}

}  // namespace darkroom
