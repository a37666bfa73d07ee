#include "bench/simulate/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

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

struct NamedBug {
  std::string name;
  Bug bug;
};

class PlantedBugTest : public testing::TestWithParam<NamedBug> {};

TEST_P(PlantedBugTest, IsSeen) {
  int seen = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) seen += !RunScenario(seed, GetParam().bug).empty();
  EXPECT_GE(seen, 10);
}

INSTANTIATE_TEST_SUITE_P(Bugs, PlantedBugTest,
                         testing::Values(NamedBug{"LosesARow", Bug::kLosesARow},
                                         NamedBug{"AnswersTwice", Bug::kAnswersTwice},
                                         NamedBug{"AnswersUnmade", Bug::kAnswersUnmade},
                                         NamedBug{"MixesKeys", Bug::kMixesKeys},
                                         NamedBug{"PassTooLarge", Bug::kPassTooLarge},
                                         NamedBug{"SkipsTheFirst", Bug::kSkipsTheFirst},
                                         NamedBug{"IdlesOn", Bug::kIdlesOn},
                                         NamedBug{"DropsTooEarly", Bug::kDropsTooEarly},
                                         NamedBug{"ForgetsACancel", Bug::kForgetsACancel},
                                         NamedBug{"FinishesTooEarly", Bug::kFinishesTooEarly},
                                         NamedBug{"StartsTwice", Bug::kStartsTwice},
                                         NamedBug{"QueueTooLong", Bug::kQueueTooLong},
                                         NamedBug{"KeepsLateRows", Bug::kKeepsLateRows},
                                         NamedBug{"TwiceInAPass", Bug::kTwiceInAPass},
                                         NamedBug{"StartsOutOfOrder", Bug::kStartsOutOfOrder},
                                         NamedBug{"RefusesInVain", Bug::kRefusesInVain},
                                         NamedBug{"JoinsStatic", Bug::kJoinsStatic}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace darkroom::sim
