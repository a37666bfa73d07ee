#ifndef DARKROOM_BENCH_SIMULATE_SWEEP_H_
#define DARKROOM_BENCH_SIMULATE_SWEEP_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/simulate/contest.h"

namespace darkroom::sim {

// The policies by the names that they go by on the command line.
const std::map<std::string, Policy>& PoliciesByName();

// Contests for every mix, load and policy; what is not said here is `contest`'s.
struct SweepOptions {
  std::vector<std::string> mixes = {"A"};
  std::vector<double> loads = {0.3, 0.5, 0.7, 0.8, 0.9};
  std::vector<std::string> policies = {"fifo", "run-to-completion", "greedy", "darkroom"};
  std::vector<int> padded_sizes;
  double deadline = 0;  // Seconds; 0: the mix's own.
  double window = 0;    // Seconds.
  std::string times;    // A file for MeasuredTimes; empty: none.
  int memory = 0;       // Rows of the largest images that fit a call; 0: any number.
  Contest contest;
};

// Prints a line for each point, and writes it to the file, as a line of JSON, if that has a name.
// The error when a file cannot be read or written.
absl::Status Sweep(const SweepOptions& options, const std::string& file);

// Runs the first mix, load and policy with the callers of one seed, and writes to the file, as
// lines of JSON, who came when and what the device did.
absl::Status Trace(const SweepOptions& options, uint64_t seed, const std::string& file);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_SWEEP_H_
