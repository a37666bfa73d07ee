#ifndef DARKROOM_SERVER_METRICS_CALL_METRICS_H_
#define DARKROOM_SERVER_METRICS_CALL_METRICS_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/method.h"
#include "server/metrics/families.h"

namespace darkroom {

// What callers asked for, and what they were answered. Thread-safe; recording never blocks for
// long.
class CallMetrics {
 public:
  explicit CallMetrics(prometheus::Registry& registry);

  void OnCallStarted() { live_calls_.Increment(); }
  // The call's answer, and what was between its arrival and that.
  void OnCallEnded(Method method, const absl::Status& status, absl::Duration took);
  // Images of a request are being made, for however many calls; they no longer are.
  void OnGenerationStarted() { inflight_requests_.Increment(); }
  void OnGenerationEnded() { inflight_requests_.Decrement(); }

 private:
  void AddRequests(prometheus::Registry& registry);

  prometheus::Gauge& live_calls_;
  prometheus::Gauge& inflight_requests_;
  std::map<std::pair<Method, absl::StatusCode>, prometheus::Counter*> requests_;
  std::map<std::pair<Method, std::string>, prometheus::Histogram*> durations_;  // By outcome.
  std::map<std::string, prometheus::Counter*> rejected_;                        // By reason.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_CALL_METRICS_H_
