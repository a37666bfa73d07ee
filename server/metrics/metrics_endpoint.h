#ifndef DARKROOM_SERVER_METRICS_METRICS_ENDPOINT_H_
#define DARKROOM_SERVER_METRICS_METRICS_ENDPOINT_H_

#include <prometheus/exposer.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// Serves metrics over HTTP at /metrics of an address, HOST:PORT, as long as it lives. Scrapers that
// ask slowly do not hold up others for more than seconds.
class MetricsEndpoint {
 public:
  using Sources = std::vector<std::shared_ptr<prometheus::Collectable>>;

  // UNAVAILABLE when the address cannot be listened on. A source may be asked from several threads
  // at once; none is any more when the endpoint has ended.
  static absl::StatusOr<MetricsEndpoint> Start(const std::string& address, Sources sources);

  // HOST:PORT, with the port really bound.
  const std::string& address() const { return address_; }

 private:
  Sources sources_;  // The exposer holds them weakly.
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_METRICS_ENDPOINT_H_
