#include "client/cli/bench/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

RequestMix Mix(const std::vector<double>& weights) {
  RequestMix mix;
  for (double weight : weights) {
    mix.kinds.push_back({.name = "kind", .weight = weight, .prompts = {"a", "b", "c", "d"}});
  }
  return mix;
}

std::vector<double> Gaps(const std::vector<Arrival>& schedule) {
  std::vector<double> gaps;
  absl::Duration before;
  for (const Arrival& arrival : schedule) {
    gaps.push_back(absl::ToDoubleSeconds(arrival.at - before));
    before = arrival.at;
  }
  return gaps;
}

// Kolmogorov and Smirnov's: the farthest that the share of values is from the distribution's.
double DistanceFromExponential(std::vector<double> values, double rate) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  double farthest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = 1 - std::exp(-rate * values[i]);
    farthest =
        std::max({farthest, std::abs(expected - i / count), std::abs(expected - (i + 1) / count)});
  }
  return farthest;
}

// The distance that happens by chance once in a million.
double RareDistance(size_t count) { return std::sqrt(std::log(2e6) / 2 / count); }

TEST(ScheduleTest, GapsAreExponential) {
  const uint64_t seed = SeededRandom().Bits();
  for (const double rate : {0.5, 40.0}) {
    const auto schedule = MakeSchedule(rate, absl::Seconds(20'000 / rate), seed, Mix({1}));
    const std::vector<double> gaps = Gaps(schedule);
    EXPECT_LT(DistanceFromExponential(gaps, rate), RareDistance(gaps.size()));
    // The test would see a rate that is off by a few percent, and even gaps.
    EXPECT_GT(DistanceFromExponential(gaps, rate * 1.1), RareDistance(gaps.size()));
    EXPECT_GT(DistanceFromExponential(std::vector<double>(gaps.size(), 1 / rate), rate),
              RareDistance(gaps.size()));
  }
}

TEST(ScheduleTest, ArrivalsComeInOrderAndWithinTheSpan) {
  const auto schedule = MakeSchedule(1000, absl::Seconds(3), SeededRandom().Bits(), Mix({1, 2}));
  ASSERT_FALSE(schedule.empty());
  EXPECT_TRUE(std::is_sorted(schedule.begin(), schedule.end(),
                             [](const Arrival& a, const Arrival& b) { return a.at < b.at; }));
  EXPECT_GT(schedule.front().at, absl::ZeroDuration());
  EXPECT_LT(schedule.back().at, absl::Seconds(3));
}

TEST(ScheduleTest, KindsComeByTheirWeightsAndPromptsEvenly) {
  const std::vector<double> weights = {1, 6, 3};
  const auto schedule = MakeSchedule(1000, absl::Seconds(20), SeededRandom().Bits(), Mix(weights));
  const auto count = static_cast<double>(schedule.size());
  const auto expect_share = [&](double share, auto matches) {
    const auto found = std::count_if(schedule.begin(), schedule.end(), matches);
    EXPECT_NEAR(found, count * share, 6 * std::sqrt(count * share * (1 - share)));
  };
  for (size_t kind = 0; kind < weights.size(); ++kind) {
    expect_share(weights[kind] / 10, [=](const Arrival& arrival) { return arrival.kind == kind; });
  }
  for (size_t prompt = 0; prompt < 4; ++prompt) {
    expect_share(0.25, [=](const Arrival& arrival) { return arrival.prompt == prompt; });
  }
}

bool Same(const std::vector<Arrival>& one, const std::vector<Arrival>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const Arrival& a, const Arrival& b) {
                      return a.at == b.at && a.kind == b.kind && a.prompt == b.prompt &&
                             a.image_seed == b.image_seed;
                    });
}

TEST(ScheduleTest, TheSeedDecidesAll) {
  const auto make = [](uint64_t seed) {
    return MakeSchedule(50, absl::Seconds(10), seed, Mix({1, 1}));
  };
  EXPECT_TRUE(Same(make(7), make(7)));
  EXPECT_FALSE(Same(make(7), make(8)));
  EXPECT_FALSE(Same(make(7), make(7 + (uint64_t{1} << 32))));  // All 64 bits count.
}

TEST(ScheduleTest, TimesDoNotDependOnTheMix) {
  const auto one = MakeSchedule(50, absl::Seconds(10), 7, Mix({1}));
  const auto other = MakeSchedule(50, absl::Seconds(10), 7, Mix({3, 1, 5}));
  EXPECT_EQ(Gaps(one), Gaps(other));
}

// Written down once: a schedule is the same on every machine and in every release.
TEST(ScheduleTest, TheFirstArrivalsOfSeedZeroAreTheseForEver) {
  const auto schedule = MakeSchedule(2, absl::Seconds(2), 0, Mix({50, 40, 10}));
  ASSERT_EQ(schedule.size(), 2u);
  EXPECT_NEAR(absl::ToDoubleSeconds(schedule[0].at), 0.356566518, 1e-8);
  EXPECT_NEAR(absl::ToDoubleSeconds(schedule[1].at), 0.662155731, 1e-8);
  EXPECT_EQ(schedule[0].kind, 1u);
  EXPECT_EQ(schedule[1].kind, 0u);
  EXPECT_EQ(schedule[0].image_seed, 3163094458u);
}

TEST(ScheduleTest, ARequestIsItsKindsWithPromptAndSeed) {
  RequestMix mix = Mix({1});
  mix.kinds[0].request.set_num_inference_steps(9);
  const v1::GenerateImagesRequest request = RequestOf({.prompt = 2, .image_seed = 11}, mix);
  EXPECT_EQ(request.num_inference_steps(), 9u);
  EXPECT_EQ(request.prompt(), "c");
  EXPECT_EQ(request.seed(), 11u);
}

}  // namespace
}  // namespace darkroom
