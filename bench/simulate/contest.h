#ifndef DARKROOM_BENCH_SIMULATE_CONTEST_H_
#define DARKROOM_BENCH_SIMULATE_CONTEST_H_

#include <string>

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
  int seeds = 3;
};

// Runs the contest's callers, the same for each policy, and sums the seeds up.
FigureWatcher Run(const Contest& contest, Policy policy);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_CONTEST_H_
