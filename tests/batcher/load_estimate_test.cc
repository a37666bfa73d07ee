#include "batcher/load_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

const absl::Time kStart = absl::FromUnixSeconds(1000);

// Arrivals on a clock of its own.
class LoadEstimateTest : public testing::Test {
 protected:
  void Arrive(double gap, double work, int times = 1) {
    for (int i = 0; i < times; ++i) {
      now_ += absl::Seconds(gap);
      estimate_.OnArrival(now_, work);
    }
  }

  absl::Time now_ = kStart;
  LoadEstimate estimate_;
};

TEST_F(LoadEstimateTest, StartsAtAHalf) {
  EXPECT_EQ(estimate_.load(), 0.5);
  estimate_.OnArrival(kStart, 3);
  EXPECT_NEAR(estimate_.load(), 0.5, 1e-9);
}

TEST_F(LoadEstimateTest, OneArrivalHardlyCounts) {
  Arrive(0, 1);
  Arrive(2, 10);
  EXPECT_NEAR(estimate_.load(), 0.5, 0.1);
  Arrive(100, 1);
  EXPECT_GT(estimate_.load(), 0.2);
}

TEST_F(LoadEstimateTest, OfRegularArrivalsIsTheirWorkByTheirGapAndAFewPercentMore) {
  SeededRandom random;
  std::mt19937_64 generator(random.Bits());
  for (int i = 0; i < 50; ++i) {
    estimate_ = {};
    const double load = std::uniform_real_distribution(0.03, 0.9)(generator);
    const double gap = std::lognormal_distribution(0.0, 2.0)(generator);
    Arrive(gap, load * gap, 1000);
    EXPECT_THAT(estimate_.load() / load, AllOf(Ge(1), Le(1.06))) << load << " every " << gap;
  }
}

TEST_F(LoadEstimateTest, OfRandomArrivalsIsTheSameOnAverage) {
  SeededRandom random;
  std::mt19937_64 generator(random.Bits());
  const double load = std::uniform_real_distribution(0.1, 0.4)(generator);
  std::exponential_distribution<double> gap(1), work(1 / load);
  Arrive(1, load, 500);
  double sum = 0;
  constexpr int kArrivals = 200'000;
  for (int i = 0; i < kArrivals; ++i) {
    Arrive(gap(generator), work(generator));
    sum += estimate_.load();
  }
  EXPECT_THAT(sum / kArrivals / load, AllOf(Ge(1), Le(1.1)));
}

TEST_F(LoadEstimateTest, FollowsAChangeWithinAFewHundredArrivals) {
  Arrive(10, 2, 1000);
  Arrive(10, 8, 300);
  EXPECT_NEAR(estimate_.load(), 0.84, 0.02);
  Arrive(40, 8, 300);
  EXPECT_NEAR(estimate_.load(), 0.21, 0.02);
}

TEST_F(LoadEstimateTest, AQuietNightDoesNotHideTheMorningsRush) {
  Arrive(1, 0.8, 1000);
  Arrive(8 * 3600, 0.8);
  EXPECT_GT(estimate_.load(), 0.4);
  Arrive(1, 0.8, 100);
  EXPECT_GT(estimate_.load(), 0.75);
}

TEST_F(LoadEstimateTest, ArrivalsAtOneInstantCountEach) {
  for (int i = 0; i < 300; ++i) {
    Arrive(10, 1);
    Arrive(0, 1, 3);
  }
  EXPECT_THAT(estimate_.load(), AllOf(Ge(0.4), Le(0.45)));
}

TEST_F(LoadEstimateTest, MoreThanTheDeviceCanDoIsNearlyOne) {
  Arrive(1, 1, 1000);
  EXPECT_EQ(estimate_.load(), LoadEstimate::kMaxLoad);
  Arrive(1, 100, 1000);
  EXPECT_EQ(estimate_.load(), LoadEstimate::kMaxLoad);
  Arrive(0, 1, 1000);
  EXPECT_EQ(estimate_.load(), LoadEstimate::kMaxLoad);
}

TEST_F(LoadEstimateTest, ArrivalsOfUnknownWorkTeachNothing) {
  Arrive(1, 0, 100);
  EXPECT_EQ(estimate_.load(), 0.5);
  Arrive(5, 1);
  EXPECT_NEAR(estimate_.load(), 0.5, 1e-9);
  Arrive(5, 1, 1000);
  EXPECT_NEAR(estimate_.load(), 0.21, 1e-6);
}

TEST_F(LoadEstimateTest, WhateverArrivesIsBetweenNothingAndItsMost) {
  SeededRandom random;
  const double hostile[] = {0, 1e-9, 1e-3, 1, 1e6};
  for (int i = 0; i < 100; ++i) {
    estimate_ = {};
    for (int arrival = 0; arrival < 100; ++arrival) {
      Arrive(hostile[random.Between(0, 4)], hostile[random.Between(0, 4)]);
      ASSERT_THAT(estimate_.load(), AllOf(Ge(0), Le(LoadEstimate::kMaxLoad)));
    }
  }
}

}  // namespace
}  // namespace darkroom
