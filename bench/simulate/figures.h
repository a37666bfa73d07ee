#ifndef DARKROOM_BENCH_SIMULATE_FIGURES_H_
#define DARKROOM_BENCH_SIMULATE_FIGURES_H_

#include <functional>
#include <unordered_map>
#include <vector>

#include "bench/simulate/simulation.h"

namespace darkroom::sim {

// What a run comes down to. Latencies are those of requests all of whose images were made, from
// arrival to the last image; slowdown is that over the time alone on an idle device.
struct Figures {
  int requests = 0;  // Without the first twentieth of a run, which finds the devices empty.
  double p50 = 0, p99 = 0, p999 = 0;  // Seconds.
  double mean_slowdown = 0;
  double misses = 0;      // Share of requests with deadlines that were not kept.
  double goodput = 0;     // Work done in time, of the work asked for.
  double refused = 0;     // Share of requests that found no room.
  double broken = 0;      // Share of requests that a fault of the device ended.
  double mean_batch = 0;  // Rows in a pass.
  double busy = 0;        // Devices at work, on average.
};

using CallerFilter = std::function<bool(const Caller&)>;

// Collects the figures of runs, one after the other.
class FigureWatcher final : public Watcher {
 public:
  // Before each run; the callers outlive it.
  void Begin(std::span<const Caller> callers);

  void OnSubmit(int device, const Caller& caller, const absl::Status& status) override;
  void OnCancel(RowId request, absl::Time now) override;
  void OnCall(int device, CallKind kind, std::span<const RowId> rows, absl::Time now,
              bool is_retry) override;
  void OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                absl::Time now, const absl::Status& status) override;
  void OnIdle(int, absl::Time, absl::Time) override {}
  void OnEnd(int device, RowId row, absl::Time now, const absl::Status& status) override;

  // Of all runs so far, or of those callers in them that the filter lets through.
  Figures Summary(const CallerFilter& filter = nullptr) const;

 private:
  struct Outcome {
    Caller caller;
    bool counts = false;  // Not of the run's beginning.
    size_t rows_left = 0;
    bool cancelled = false;
    bool failed = false;
    bool refused = false;
    bool broken = false;  // By a fault of the device.
    absl::Time end;
  };

  std::vector<Outcome> outcomes_;
  std::unordered_map<RowId, size_t> by_row_;  // Of the run under way.
  double busy_ = 0, time_ = 0;                // Seconds.
  int64_t passes_ = 0, rows_in_passes_ = 0;
  absl::Time run_end_;
};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_FIGURES_H_
