#ifndef DARKROOM_BENCH_SIMULATE_CONTEST_H_
#define DARKROOM_BENCH_SIMULATE_CONTEST_H_

#include <cstdint>
#include <span>
#include <vector>

#include "batcher/batch_options.h"
#include "bench/simulate/figures.h"
#include "bench/simulate/workload.h"

namespace darkroom::sim {

enum class Policy {
  kFifo,             // One row at a time.
  kRunToCompletion,  // Batches of up to 8 rows that nobody joins.
  kGreedy,           // Every waiting row of the key joins at every step.
  kDarkroom
};

// One point of a plot.
struct Contest {
  Mix mix;
  Arrivals arrivals;
  DeviceTimes times;               // What calls take.
  DeviceTimes believed;            // What Darkroom believes of it.
  double jitter = 0;               // See Device.
  bool learns = false;             // Darkroom begins without knowing the times.
  bool drops = false;              // The others drop queued rows that are too late.
  int64_t max_queued = 1'000'000;  // Images.
  int max_batch_size = 8;
  absl::Duration window = absl::ZeroDuration();  // Darkroom's.
  double poisoned = 0;         // Share of rows that fail every pass that they are in.
  int64_t memory = INT64_MAX;  // See Faults.
  int seeds = 3;
};

// What Darkroom's batcher is told.
BatchOptions OptionsOf(const Contest& contest);

// Runs the contest's callers of one seed past the watcher.
void Run(const Contest& contest, Policy policy, uint64_t seed, std::span<const Caller> callers,
         Watcher& watcher);

// Runs the contest's callers, the same for each policy, and sums the seeds up.
FigureWatcher Run(const Contest& contest, Policy policy);

// The callers of one seed.
std::vector<Caller> CallersOf(const Contest& contest, uint64_t seed);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_CONTEST_H_
