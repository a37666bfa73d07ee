#include "server/metrics/metrics_endpoint.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

// Every connection takes a thread until it has asked: those that ask slowly, or nothing at all,
// must not keep the others waiting.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeoutMs[] = "2000";

}  // namespace

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Start(const std::string& address,
                                                       Sources sources) try {
  MetricsEndpoint endpoint;
  endpoint.sources_ = std::move(sources);
  endpoint.exposer_ = std::make_unique<prometheus::Exposer>(
      std::vector<std::string>{"listening_ports", address, "num_threads", kThreads,
                               "request_timeout_ms", kRequestTimeoutMs});
  for (const auto& source : endpoint.sources_) endpoint.exposer_->RegisterCollectable(source);
  endpoint.address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":",
                                   endpoint.exposer_->GetListeningPorts().front());
  return endpoint;
} catch (const std::exception& error) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", error.what()));
}

}  // namespace darkroom
