#include "client/cli/bench/distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace darkroom {

double Percentile(const std::vector<double>& sorted, double share) {
  const auto count = static_cast<double>(sorted.size());
  // A hair less, because 0.9 x 10 is to be the ninth value also where it comes out above 9.
  const double rank = std::ceil(share * count - 1e-9);
  return sorted[static_cast<size_t>(std::clamp(rank, 1.0, count)) - 1];
}

Distribution Describe(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {.count = values.size(),
          .mean = sum / static_cast<double>(values.size()),
          .p50 = Percentile(values, 0.5),
          .p90 = Percentile(values, 0.9),
          .p95 = Percentile(values, 0.95),
          .p99 = Percentile(values, 0.99),
          .p999 = Percentile(values, 0.999),
          .max = values.back()};
}

}  // namespace darkroom
