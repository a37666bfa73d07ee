#ifndef DARKROOM_BENCH_SIMULATE_BASELINE_H_
#define DARKROOM_BENCH_SIMULATE_BASELINE_H_

#include <map>

#include "bench/simulate/contender.h"
#include "bench/simulate/device_times.h"

namespace darkroom::sim {

// Which of the usual ways to batch.
struct BaselineRule {
  int max_batch_size = 8;
  // Rows of the oldest row's key join at every step ("greedy"); else a batch runs to completion.
  bool joins = false;
  // Rows that have not started and could not keep their deadlines even alone are dropped.
  bool drops = false;
  size_t max_queued = SIZE_MAX;
};

// The usual ways to batch, written without any of the batcher's code. All take rows in the order of
// their arrival and decode a finished row at once.
class Baseline final : public Contender {
 public:
  Baseline(const BaselineRule& rule, const DeviceTimes& times) : rule_(rule), times_(times) {}

  absl::Status Submit(absl::Time now, const BatchRequest& request) override;
  void Cancel(RowId request) override;
  Decision Next(absl::Time now) override;
  void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
              absl::Duration took) override;
  void OnOutOfMemory(CallKind, std::span<const RowId>, absl::Time) override {}
  void OnEnd(RowId row, absl::Time now) override;
  absl::Duration Predict(absl::Time, const BatchRequest&) override {
    return absl::Seconds(rows_.size());
  }

 private:
  struct State {
    Row row;
    BatchKey key;
    RowId request;
    absl::Time deadline;
    bool started = false;
    bool cancelled = false;
  };

  std::vector<RowId> ToDrop(bool cancelled, absl::Time now) const;
  std::vector<RowId> Finished() const;
  std::vector<RowId> Pass() const;

  const BaselineRule rule_;
  const DeviceTimes times_;
  std::map<RowId, State> rows_;  // By arrival, for ids ascend.
  size_t running_ = 0;
  size_t cancelled_ = 0;
};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_BASELINE_H_
