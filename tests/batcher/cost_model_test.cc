#include "batcher/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr BatchKey kKey = {8, 8};
constexpr double kExact = 1e-9;  // But for rounding.

// Seconds of a call of any size.
struct LineOfTimes {
  double fixed = 0;
  double slope = 0;

  double At(int size) const { return fixed + slope * size; }
};

constexpr LineOfTimes kStart = {0.005, 0.002};
constexpr LineOfTimes kStep = {0.010, 0.001};
constexpr LineOfTimes kFinish = {0.003, 0.005};

void Teach(CostModel& costs, CallKind kind, const LineOfTimes& line) {
  for (const int size : {2, 16}) costs.Observe(kind, kKey, size, line.At(size));
}

CostModel KnownCosts() {
  CostModel costs;
  Teach(costs, CallKind::kStart, kStart);
  Teach(costs, CallKind::kStep, kStep);
  Teach(costs, CallKind::kFinish, kFinish);
  return costs;
}

TEST(CostModelTest, BeforeAnythingIsKnownEverythingCostsNothing) {
  const CostModel costs;
  const Row row = {.steps = 50};
  const RowCosts of_row = costs.CostsOf(kKey, row);
  EXPECT_EQ(of_row.start + of_row.step + of_row.step_fixed + of_row.finish, 0);
  EXPECT_EQ(costs.WorkOf(kKey, row, 8), 0);
}

TEST(CostModelTest, KindsOfCallsAreLearnedApart) {
  const CostModel costs = KnownCosts();
  for (const int size : {1, 5, 16, 20}) {
    EXPECT_NEAR(costs.Start(kKey, size), kStart.At(size), kExact);
    EXPECT_NEAR(costs.Step(kKey, size), kStep.At(size), kExact);
    EXPECT_NEAR(costs.Finish(kKey, size), kFinish.At(size), kExact);
  }
  CostModel steps;
  Teach(steps, CallKind::kStep, kStep);
  EXPECT_EQ(steps.Start(kKey, 1), 0);
  EXPECT_EQ(steps.Finish(kKey, 1), 0);
}

TEST(CostModelTest, ARowCostsWhatItsCallsTakeAlone) {
  const CostModel costs = KnownCosts();
  const RowCosts guided = costs.CostsOf(kKey, {.steps = 50, .samples = 2});
  EXPECT_NEAR(guided.start, 0.007, kExact);
  EXPECT_NEAR(guided.step, 0.012, kExact);
  EXPECT_NEAR(guided.step_fixed, 0.010, kExact);
  EXPECT_NEAR(guided.finish, 0.008, kExact);
  EXPECT_NEAR(costs.CostsOf(kKey, {.samples = 1}).step, 0.011, kExact);
}

TEST(CostModelTest, TheWorkOfARowIsItsShareOfItsBatch) {
  const CostModel costs = KnownCosts();
  const Row row = {.steps = 20, .samples = 2};
  EXPECT_NEAR(costs.WorkOf(kKey, row, 1), 20 * 0.012 + 0.007 + 0.008, kExact);
  // Passes of 8 samples take 18 ms; first calls of 4 rows 13 ms, last ones 23 ms.
  EXPECT_NEAR(costs.WorkOf(kKey, row, 4), (20 * 0.018 + 0.013 + 0.023) / 4, kExact);
  EXPECT_NEAR(costs.WorkOf(kKey, {.steps = 20, .samples = 1}, 4), (20 * 0.014 + 0.013 + 0.023) / 4,
              kExact);
  EXPECT_NEAR(costs.WorkOf(kKey, {.steps = 0}, 1), 0.007 + 0.008, kExact);
}

TEST(CostModelTest, PaddedPassesAreLearnedAndReadOffAsWhatTheyArePaddedTo) {
  CostModel costs;
  costs.PadTo({1, 4});
  for (int i = 0; i < 40; ++i) {                    // Fewer would not be believed to share nothing.
    costs.Observe(CallKind::kStep, kKey, 1, 0.02);  // Of 2 samples.
    costs.Observe(CallKind::kStep, kKey, 5, 0.08);  // Of 8 samples.
  }
  for (const int samples : {1, 2}) EXPECT_NEAR(costs.Step(kKey, samples), 0.02, kExact);
  for (const int samples : {3, 4, 7, 8}) EXPECT_NEAR(costs.Step(kKey, samples), 0.08, kExact);
  EXPECT_NEAR(costs.Step(kKey, 16), 0.16, kExact);  // Larger than all sizes: as it is.
}

TEST(CostModelTest, FirstAndLastCallsAreNotPadded) {
  CostModel costs;
  costs.PadTo({8});
  Teach(costs, CallKind::kStart, kStart);
  Teach(costs, CallKind::kFinish, kFinish);
  for (const int rows : {1, 3, 8}) {
    EXPECT_NEAR(costs.Start(kKey, rows), kStart.At(rows), kExact);
    EXPECT_NEAR(costs.Finish(kKey, rows), kFinish.At(rows), kExact);
  }
}

TEST(CostModelTest, WhatARowCostsCountsPadding) {
  CostModel costs = KnownCosts();
  costs.PadTo({4, 8});
  const Row row = {.steps = 20, .samples = 2};
  EXPECT_NEAR(costs.CostsOf(kKey, row).step, kStep.At(8), kExact);
  // Seven more rows make it a full pass.
  EXPECT_NEAR(costs.CostsOf(kKey, row).step_fixed, kStep.At(8) - (kStep.At(16) - kStep.At(8)) / 7,
              kExact);
  EXPECT_NEAR(costs.WorkOf(kKey, row, 5), (20 * kStep.At(16) + kStart.At(5) + kFinish.At(5)) / 5,
              kExact);
}

TEST(CostModelTest, WhereAllPassesAreFullOnesRowsShareAllOfThem) {
  CostModel costs;
  costs.PadTo({8});
  costs.Observe(CallKind::kStep, kKey, 2, 0.3);
  for (const int samples : {1, 2}) {
    EXPECT_NEAR(costs.CostsOf(kKey, {.samples = samples}).step, 0.3, kExact);
    EXPECT_NEAR(costs.CostsOf(kKey, {.samples = samples}).step_fixed, 0.3, kExact);
  }
}

TEST(CostModelTest, StartsDoNotGrowWithTheImage) {
  CostModel costs = KnownCosts();
  const BatchKey larger = {4 * kKey.height, 4 * kKey.width};
  EXPECT_NEAR(costs.Start(larger, 3), kStart.At(3), kExact);
  EXPECT_GT(costs.Finish(larger, 3), 2 * kFinish.At(3));
}

TEST(CostModelTest, TheSharedPartOfAStepIsNeverMoreThanTheStep) {
  SeededRandom random;
  std::mt19937_64 generator(random.Bits());
  std::lognormal_distribution<double> seconds(-3, 2);
  for (int i = 0; i < 200; ++i) {
    CostModel costs;
    if (random.Between(0, 1) == 0) costs.PadTo({1, 2, 8});
    for (size_t calls = random.Between(1, 20); calls > 0; --calls) {
      costs.Observe(CallKind::kStep, kKey, static_cast<int>(random.Between(1, 16)),
                    seconds(generator));
    }
    for (const int samples : {1, 2}) {
      const RowCosts of_row = costs.CostsOf(kKey, {.samples = samples});
      EXPECT_LE(of_row.step_fixed, of_row.step);
    }
  }
}

}  // namespace
}  // namespace darkroom
