#include "batcher/drain_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

const absl::Time kStart = absl::FromUnixSeconds(1000);

// Rows that leave, on a clock of its own.
class DrainRateTest : public testing::Test {
 protected:
  void Leave(absl::Duration gap, int times = 1) {
    for (int i = 0; i < times; ++i) rate_.OnEnd(now_ += gap, /*was_last=*/false);
  }
  void LeaveLast(absl::Duration gap) { rate_.OnEnd(now_ += gap, /*was_last=*/true); }
  double SecondsFor(size_t rows) const { return absl::ToDoubleSeconds(rate_.TimeFor(rows)); }

  absl::Time now_ = kStart;
  DrainRate rate_;
};

TEST_F(DrainRateTest, AsLongAsNothingIsKnownIsASecond) {
  EXPECT_EQ(rate_.TimeFor(1), absl::Seconds(1));
  EXPECT_EQ(rate_.TimeFor(1000), absl::Seconds(1));
  Leave(absl::Seconds(30));  // One end makes no gap.
  EXPECT_EQ(rate_.TimeFor(10), absl::Seconds(1));
}

TEST_F(DrainRateTest, RowsTakeTheGapsThatWereMeasured) {
  SeededRandom random;
  for (int i = 0; i < 50; ++i) {
    rate_ = {};
    const absl::Duration gap = absl::Milliseconds(random.Between(100, 4000));
    Leave(gap, static_cast<int>(random.Between(2, 30)));
    for (const size_t rows : {1, 15}) {
      EXPECT_NEAR(SecondsFor(rows), absl::ToDoubleSeconds(rows * gap), 1e-6);
    }
  }
}

TEST_F(DrainRateTest, AChangeIsFollowedInAHundredRows) {
  Leave(absl::Seconds(1), 100);
  Leave(absl::Seconds(3), 100);
  EXPECT_THAT(rate_.TimeFor(10), AllOf(Ge(absl::Seconds(29)), Le(absl::Seconds(30))));
  Leave(absl::Milliseconds(200), 100);
  EXPECT_THAT(rate_.TimeFor(10), AllOf(Ge(absl::Seconds(2)), Le(absl::Seconds(3))));
}

TEST_F(DrainRateTest, OneGapHardlyCounts) {
  Leave(absl::Seconds(1), 100);
  Leave(absl::Seconds(5));
  EXPECT_THAT(rate_.TimeFor(10), AllOf(Ge(absl::Seconds(10)), Le(absl::Seconds(13))));
}

TEST_F(DrainRateTest, RowsThatLeaveTogetherCountEach) {
  for (int batch = 0; batch < 100; ++batch) {
    Leave(absl::Seconds(4));
    Leave(absl::ZeroDuration(), 3);
  }
  EXPECT_THAT(rate_.TimeFor(20), AllOf(Ge(absl::Seconds(17)), Le(absl::Seconds(23))));
}

TEST_F(DrainRateTest, TheFirstBatchCountsByItsRows) {
  Leave(absl::Seconds(9), 1);
  Leave(absl::ZeroDuration(), 7);
  Leave(absl::Seconds(4));
  Leave(absl::ZeroDuration(), 7);
  EXPECT_NEAR(SecondsFor(8), 2, 0.5);  // 15 rows in 4 seconds, the first of which count less.
}

TEST_F(DrainRateTest, TimeThatTheHouseWasEmptyDoesNotCount) {
  for (int day = 0; day < 20; ++day) {
    Leave(absl::Hours(12));
    Leave(absl::Seconds(2), 5);
    LeaveLast(absl::Seconds(2));
  }
  EXPECT_NEAR(SecondsFor(10), 20, 1e-6);
}

TEST_F(DrainRateTest, RowsThatWereAloneTeachNothing) {
  for (int i = 0; i < 100; ++i) LeaveLast(absl::Seconds(20));
  EXPECT_EQ(rate_.TimeFor(10), absl::Seconds(1));
}

TEST_F(DrainRateTest, IsBetweenATenthOfASecondAndAMinute) {
  Leave(absl::Seconds(2), 100);
  EXPECT_NEAR(SecondsFor(29), 58, 1e-6);
  EXPECT_EQ(rate_.TimeFor(31), absl::Minutes(1));
  EXPECT_EQ(rate_.TimeFor(1'000'000'000), absl::Minutes(1));
  EXPECT_EQ(rate_.TimeFor(0), absl::Milliseconds(100));
  Leave(absl::Microseconds(1), 1000);
  EXPECT_EQ(rate_.TimeFor(10), absl::Milliseconds(100));
}

}  // namespace
}  // namespace darkroom
