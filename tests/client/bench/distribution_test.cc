#include "client/cli/bench/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

// By the definition: the least value that at least the share of all values does not exceed.
double PlainPercentile(const std::vector<double>& values, size_t per_mille) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const double candidate : sorted) {
    const auto below = static_cast<size_t>(
        std::count_if(sorted.begin(), sorted.end(), [=](double x) { return x <= candidate; }));
    if (below * 1000 >= per_mille * sorted.size()) return candidate;
  }
  return 0;
}

TEST(DistributionTest, PercentilesAreThoseOfTheDefinition) {
  SeededRandom random;
  for (const size_t count : {1, 2, 3, 9, 10, 11, 99, 100, 101, 999, 1000, 1001}) {
    std::vector<double> values;
    // Few different values, so that many are equal.
    for (size_t i = 0; i < count; ++i) values.push_back(static_cast<double>(random.Between(0, 50)));
    const Distribution found = Describe(values);
    EXPECT_EQ(found.count, count);
    EXPECT_EQ(found.p50, PlainPercentile(values, 500)) << count;
    EXPECT_EQ(found.p90, PlainPercentile(values, 900)) << count;
    EXPECT_EQ(found.p95, PlainPercentile(values, 950)) << count;
    EXPECT_EQ(found.p99, PlainPercentile(values, 990)) << count;
    EXPECT_EQ(found.p999, PlainPercentile(values, 999)) << count;
    EXPECT_EQ(found.max, *std::max_element(values.begin(), values.end()));
    double sum = 0;
    for (double value : values) sum += value;
    EXPECT_DOUBLE_EQ(found.mean, sum / static_cast<double>(count));
  }
}

TEST(DistributionTest, OfTenValuesTheNinthIsThe90thPercentile) {
  EXPECT_EQ(Describe({10, 9, 8, 7, 6, 5, 4, 3, 2, 1}).p90, 9);
}

TEST(DistributionTest, NothingHasNoValues) { EXPECT_EQ(Describe({}).count, 0u); }

}  // namespace
}  // namespace darkroom
