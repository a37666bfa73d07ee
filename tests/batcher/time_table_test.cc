#include "batcher/time_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr BatchKey kKey = {8, 8};

void ObserveOften(TimeTable& table, size_t times, const BatchKey& key, int size, double seconds) {
  for (; times > 0; --times) table.Observe(key, size, seconds);
}

TEST(TimeTableTest, BeforeAnythingWasSeenEverythingTakesNoTime) {
  EXPECT_EQ(TimeTable().At(kKey, 100), 0);
  EXPECT_EQ(TimeTable().FixedPart(kKey), 0);
}

TEST(TimeTableTest, SizesBetweenAndBeyondThoseSeenLieOnTheirLine) {
  SeededRandom random;
  for (int i = 0; i < 100; ++i) {
    const double fixed = 1e-3 * random.Between(0, 100), slope = 1e-3 * random.Between(1, 100);
    TimeTable table;
    for (const int size : {2, 3, 9}) {
      ObserveOften(table, random.Between(40, 60), kKey, size, fixed + slope * size);
    }
    for (const int size : {1, 2, 6, 9, 16}) {
      EXPECT_NEAR(table.At(kKey, size), fixed + slope * size, 1e-9);
    }
    EXPECT_NEAR(table.FixedPart(kKey), fixed, 1e-9);
  }
}

TEST(TimeTableTest, ALineInATenthOfNoiseIsFoundWithinThreePercent) {
  SeededRandom random;
  const double fixed = 1e-3 * random.Between(0, 100), slope = 1e-3 * random.Between(1, 100);
  std::mt19937_64 generator(random.Bits());
  std::lognormal_distribution jitter(-0.1 * 0.1 / 2, 0.1);  // Of mean 1.
  TimeTable table;
  for (int i = 0; i < 1000; ++i) {
    for (const int size : {1, 2, 8, 16}) {
      table.Observe(kKey, size, (fixed + slope * size) * jitter(generator));
    }
  }
  for (int size = 1; size <= 16; ++size) {
    EXPECT_NEAR(table.At(kKey, size) / (fixed + slope * size), 1, 0.03) << size;
  }
}

TEST(TimeTableTest, OneOutlierAmongFiftyCallsHardlyCountsWheneverItComes) {
  for (const double outlier : {1.0, 0.1, 0.0001}) {
    for (int place = 0; place < 50; ++place) {
      TimeTable table;
      for (int i = 0; i < 50; ++i) table.Observe(kKey, 2, i == place ? outlier : 0.01);
      EXPECT_NEAR(table.At(kKey, 2), 0.01, 0.0003) << place;
    }
  }
}

TEST(TimeTableTest, OfTwoCallsTheSlowOneIsNotBelieved) {
  for (const double first : {0.01, 1.0}) {
    TimeTable table;
    table.Observe(kKey, 2, first);
    table.Observe(kKey, 2, 0.01 / first);
    EXPECT_DOUBLE_EQ(table.At(kKey, 2), 0.01);
  }
}

TEST(TimeTableTest, ALastingChangeIsBelievedOnceHalfOfFifteenCallsShowIt) {
  for (const double changed : {0.005, 0.02, 0.1}) {
    TimeTable table;
    ObserveOften(table, 100, kKey, 2, 0.01);
    ObserveOften(table, 6, kKey, 2, changed);
    EXPECT_NEAR(table.At(kKey, 2), 0.01, 0.001);
    ObserveOften(table, 3, kKey, 2, changed);
    EXPECT_NEAR(table.At(kKey, 2), changed, 1e-9);
  }
}

TEST(TimeTableTest, ASmallChangeIsFollowedInAFewHundredCalls) {
  for (const double changed : {0.008, 0.0125}) {
    TimeTable table;
    ObserveOften(table, 1000, kKey, 2, 0.01);
    ObserveOften(table, 400, kKey, 2, changed);
    EXPECT_NEAR(table.At(kKey, 2), changed, 0.02 * changed);
  }
}

TEST(TimeTableTest, ASizeSeenOnceIsDrawnToTheLineOfTheOthers) {
  TimeTable table;
  for (const int size : {1, 16}) ObserveOften(table, 100, kKey, size, 0.010 + 0.001 * size);
  table.Observe(kKey, 8, 2 * 0.018);
  EXPECT_NEAR(table.At(kKey, 8), 0.018, 0.05 * 0.018);
  ObserveOften(table, 1000, kKey, 8, 2 * 0.018);
  EXPECT_GT(table.At(kKey, 8), 1.7 * 0.018);
}

TEST(TimeTableTest, UntilItWasSeenOftenASizeIsBelievedToShareAFifthWithTheOneSeenMost) {
  TimeTable table;
  ObserveOften(table, 100, kKey, 2, 0.010);
  ObserveOften(table, 39, kKey, 4, 0.030);  // Three times as long: twice does not pay.
  EXPECT_NEAR(table.At(kKey, 4), 0.010 * (0.2 + 0.8 * 2), 1e-9);
  table.Observe(kKey, 4, 0.030);
  EXPECT_GE(table.At(kKey, 4), 0.020);
}

TEST(TimeTableTest, WhatGrowsWithTheSizeIsScaledByAreaFromTheNearestInArea) {
  TimeTable table;
  for (const int size : {1, 8}) {
    table.Observe({8, 8}, size, 0.010 + 0.001 * size);
    table.Observe({32, 32}, size, 0.040 + 0.016 * size);
  }
  EXPECT_NEAR(table.At({4, 4}, 4), 0.010 + 0.001 * 4 / 4, 1e-9);
  EXPECT_NEAR(table.At({4, 16}, 8), 0.010 + 0.001 * 8, 1e-9);
  EXPECT_NEAR(table.At({16, 32}, 8), 0.040 + 0.016 * 8 / 2, 1e-9);
  EXPECT_NEAR(table.FixedPart({16, 32}), 0.040, 1e-9);
}

TEST(TimeTableTest, TheKeySeenLongestAgoOfSixtyFourGivesWayToANewOne) {
  const auto seconds_of = [](int i) { return i % 2 == 0 ? 1.0 : 100.0; };
  TimeTable table;
  for (int i = 1; i <= 64; ++i) table.Observe({1, i}, 1, seconds_of(i));
  table.Observe({1, 1}, 1, seconds_of(1));
  table.Observe({1, 1000}, 1, 5);
  EXPECT_GT(table.At({1, 2}, 1), 2 * seconds_of(2));  // Now scaled from its neighbours.
  EXPECT_DOUBLE_EQ(table.At({1, 1}, 1), seconds_of(1));
  for (int i = 3; i <= 64; ++i) EXPECT_DOUBLE_EQ(table.At({1, i}, 1), seconds_of(i));
}

TEST(TimeTableTest, WhateverWasSeenNothingIsNegativeAndNoSizeBeyondItTakesLess) {
  SeededRandom random;
  const BatchKey keys[] = {{1, 1}, {8, 8}, {8, 9}, {128, 128}};
  const double hostile[] = {0, 1e-9, 1e-3, 1, 1e6};
  for (int i = 0; i < 300; ++i) {
    TimeTable table;
    const size_t sizes = random.Between(1, 16);
    const bool falls = random.Between(0, 1) == 0;  // With the size.
    for (size_t calls = random.Between(1, 60); calls > 0; --calls) {
      const size_t size = random.Between(1, sizes);
      const double seconds = falls ? 1.0 / size : hostile[random.Between(0, 4)];
      table.Observe(keys[random.Between(0, 2)], size, seconds);
    }
    for (const BatchKey& key : keys) {
      for (int size = 1; size <= 20; ++size) EXPECT_GE(table.At(key, size), 0);
      EXPECT_LE(table.At(key, 17), table.At(key, 1000));
      EXPECT_GE(table.FixedPart(key), 0);
      EXPECT_LE(table.FixedPart(key), table.At(key, 1));
    }
  }
}

}  // namespace
}  // namespace darkroom
