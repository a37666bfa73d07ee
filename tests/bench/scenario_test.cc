#include "bench/simulate/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace darkroom::sim {
namespace {

constexpr int kScenarios = 10'000;

TEST(ScenarioTest, NoPromiseIsBrokenInDrawnWorlds) {
  const uint64_t first = SeededRandom().Bits() >> 1;
  for (uint64_t seed = first; seed < first + kScenarios; ++seed) {
    EXPECT_THAT(RunScenario(seed), testing::IsEmpty()) << "seed " << seed;
    if (HasFailure()) return;
  }
}

TEST(ScenarioTest, TheSameSeedDrawsTheSameWorld) {
  const Scenario a = DrawScenario(7);
  const Scenario b = DrawScenario(7);
  ASSERT_EQ(a.callers.size(), b.callers.size());
  EXPECT_EQ(a.callers.back().arrival, b.callers.back().arrival);
}

class PlantedBugTest : public testing::TestWithParam<int> {};

TEST_P(PlantedBugTest, IsSeen) {
  int seen = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    seen += !RunScenario(seed, static_cast<Bug>(GetParam())).empty();
  }
  EXPECT_GE(seen, 10);
}

INSTANTIATE_TEST_SUITE_P(Bugs, PlantedBugTest, testing::Range(0, static_cast<int>(Bug::kCount)));

}  // namespace
}  // namespace darkroom::sim
