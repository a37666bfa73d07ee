#ifndef DARKROOM_SERVER_METRICS_ENDPOINT_H_
#define DARKROOM_SERVER_METRICS_ENDPOINT_H_

#include <prometheus/exposer.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/metrics.h"

namespace darkroom {

// Serves the metrics over HTTP at /metrics of an address, HOST:PORT, as long as it lives; they
// outlive it. Scrapers that ask slowly do not hold up others for more than seconds.
class MetricsEndpoint {
 public:
  // UNAVAILABLE when the address cannot be listened on.
  static absl::StatusOr<MetricsEndpoint> Start(const std::string& address, const Metrics& metrics);

  // HOST:PORT, with the port really bound.
  const std::string& address() const { return address_; }

 private:
  std::shared_ptr<prometheus::Collectable> log_;  // The exposer holds it weakly.
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_ENDPOINT_H_
