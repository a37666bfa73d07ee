#ifndef DARKROOM_CLIENT_CLI_BENCH_DISTRIBUTION_H_
#define DARKROOM_CLIENT_CLI_BENCH_DISTRIBUTION_H_

#include <cstddef>
#include <vector>

namespace darkroom {

// How values spread. All zero when there is none.
struct Distribution {
  size_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

// The smallest of the values, which are sorted and at least one, that a `share` of them does not
// exceed. It is one that was measured, and of few values the high percentiles are the largest.
double Percentile(const std::vector<double>& sorted, double share);

Distribution Describe(std::vector<double> values);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_DISTRIBUTION_H_
