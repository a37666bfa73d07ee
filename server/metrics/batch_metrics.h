#ifndef DARKROOM_SERVER_METRICS_BATCH_METRICS_H_
#define DARKROOM_SERVER_METRICS_BATCH_METRICS_H_

#include <array>
#include <map>
#include <string>
#include <utility>

#include "batcher/batch_observer.h"
#include "server/metrics/families.h"
#include "server/metrics/size_class.h"

namespace darkroom {

// What the batchers of all devices do. Thread-safe; recording never blocks for long.
class BatchMetrics final : public BatchObserver {
 public:
  BatchMetrics(prometheus::Registry& registry, const std::string& model, int64_t queue_limit);

  void OnHouse(const HouseCounts& change) override;
  void OnQueueWait(Priority priority, int64_t pixels, absl::Duration waited) override;
  void OnStart(StartTrigger trigger, absl::Duration waited) override;
  void OnPass(const PassReport& pass) override;
  void OnFailedCall(const absl::Status& why, bool is_split) override;
  void OnLostRow(const LostRow& row) override;
  // A device does not come back from a call.
  void OnHungCall() { failures_.at("watchdog")->Increment(); }

 private:
  void AddQueue(prometheus::Registry& registry, int64_t queue_limit);
  void AddStarts(prometheus::Registry& registry);
  void AddFailures(prometheus::Registry& registry);

  std::array<prometheus::Gauge*, kPriorities> depth_;
  std::array<std::array<prometheus::Histogram*, kSizeClasses.size()>, kPriorities> waits_;
  prometheus::Gauge& cost_;
  prometheus::Gauge& running_;
  prometheus::Gauge& tenants_;
  std::map<StartTrigger, prometheus::Counter*> starts_;
  prometheus::Histogram& window_;
  prometheus::Histogram& batch_size_;
  prometheus::Counter& padding_;
  prometheus::Counter& steps_;
  std::array<prometheus::Histogram*, kSizeClasses.size()> step_times_;
  prometheus::Counter& out_of_memory_;
  std::map<std::string, prometheus::Counter*> splits_;    // By reason.
  std::map<std::string, prometheus::Counter*> failures_;  // Likewise.
  std::map<RowStage, prometheus::Counter*> cancelled_;
  std::map<std::string, prometheus::Counter*> wasted_;  // Seconds, by reason.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_BATCH_METRICS_H_
