#include "batcher/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

constexpr double kRounding = 1e-6;
const absl::Time kNow = absl::FromUnixSeconds(1000);

struct Bound {
  std::string name;
  int64_t QueueLimits::*limit;
  int64_t of_request;  // What the request below takes of it.
  int64_t of_others;   // What those take that wait.
};

class RoomTest : public testing::TestWithParam<Bound> {
 protected:
  RoomTest() {
    Arrive({.rows = {{.id = 1, .steps = 3}, {.id = 2, .steps = 4}}, .pixels = 50, .tenant = "a"});
    Arrive({.rows = {{.id = 3, .steps = 5}}, .pixels = 60, .tenant = "b"});
  }

  void Arrive(const BatchRequest& request) {
    rows_.Add(std::make_unique<AdmittedRequest>(request, kNow, 0, CostModel()));
  }

  // With this bound, and wide ones otherwise.
  absl::Status Check(int64_t bound) const {
    const BatchRequest request = {
        .rows = {{.id = 9, .steps = 10}, {.id = 10, .steps = 20}}, .pixels = 100, .tenant = "a"};
    BatchOptions options = {.max_batch_size = max_batch_size_};
    options.limits.*GetParam().limit = bound;
    return CheckRoom(request, rows_, options);
  }

  int max_batch_size_ = 8;
  RowTable rows_{OrderWeights()};
};

TEST_P(RoomTest, ARequestThatReachesTheBoundFitsAndOneThatPassesItDoesNot) {
  const int64_t reached = GetParam().of_request + GetParam().of_others;
  EXPECT_OK(Check(reached));
  const absl::Status refused = Check(reached - 1);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr(absl::StrCat("of at most ", reached - 1))));
  const bool is_own_share = GetParam().limit == &QueueLimits::images_per_tenant;
  EXPECT_EQ(refused.GetPayload(kTenantFull).has_value(), is_own_share);
}

TEST_P(RoomTest, RowsThatHaveStartedTakeNoRoom) {
  rows_.Start(std::vector<RowId>{1, 2, 3});
  EXPECT_OK(Check(GetParam().of_request));
  EXPECT_FALSE(Check(GetParam().of_request - 1).ok());
}

TEST_P(RoomTest, RowsThatArePausedForWantOfPlacesInThePassWaitAsImages) {
  rows_.Start(std::vector<RowId>{1, 2, 3});
  max_batch_size_ = 1;
  const int64_t paused = GetParam().limit == &QueueLimits::images ? 2 : 0;
  EXPECT_OK(Check(GetParam().of_request + paused));
  EXPECT_FALSE(Check(GetParam().of_request + paused - 1).ok());
}

INSTANTIATE_TEST_SUITE_P(Bounds, RoomTest,
                         testing::Values(Bound{"Images", &QueueLimits::images, 2, 3},
                                         Bound{"ImagesPerTenant", &QueueLimits::images_per_tenant,
                                               2, 2},
                                         Bound{"Pixels", &QueueLimits::pixels, 200, 160},
                                         Bound{"PixelSteps", &QueueLimits::pixel_steps, 3000, 650}),
                         [](const auto& test) { return test.param.name; });

TEST(AdmissionFactorTest, RisesFrom1At90PercentTo1Point4WhereLoadEnds) {
  for (const double load : {0.0, 0.5, 0.9}) EXPECT_EQ(AdmissionFactor(load), 1);
  EXPECT_NEAR(AdmissionFactor(0.94), 1.2, kRounding);
  EXPECT_NEAR(AdmissionFactor(0.98), 1.4, kRounding);
  for (double load = 0; load < 1; load += 0.001) {
    EXPECT_LE(AdmissionFactor(load), AdmissionFactor(load + 0.001));
  }
}

// Requests stand by arrival, as long as their priorities are equal.
class PredictDurationTest : public testing::Test {
 protected:
  static AdmittedRequest Admit(const BatchRequest& request, absl::Time arrival,
                               const RowCosts& costs) {
    AdmittedRequest admitted(request, arrival, 0, CostModel());
    for (AdmittedRow& row : admitted.rows) row.costs = costs;
    return admitted;
  }
  // So many rows, each in a request of its own, with 10 steps.
  void Arrive(int rows, absl::Time arrival) {
    for (int i = 0; i < rows; ++i) {
      const BatchRequest request = {.rows = {{.id = ++last_id_, .steps = 10}}};
      rows_.Add(std::make_unique<AdmittedRequest>(Admit(request, arrival, kCosts)));
    }
  }
  // Seconds for such a row that came now.
  double Predict(int max_batch_size, Priority priority = Priority::kNormal) const {
    const BatchRequest request = {.rows = {{.id = 1, .steps = 10}}, .priority = priority};
    return absl::ToDoubleSeconds(
        PredictDuration(Admit(request, kNow, kCosts), rows_, max_batch_size));
  }

  static double Tenths(SeededRandom& random) {
    return 0.1 * static_cast<double>(random.Between(0, 50));
  }
  AdmittedRequest Draw(SeededRandom& random) {
    BatchRequest request = {.priority = static_cast<Priority>(random.Between(0, 2))};
    for (size_t left = random.Between(1, 4); left > 0; --left) {
      request.rows.push_back({.id = ++last_id_, .steps = static_cast<int>(random.Between(0, 9))});
    }
    RowCosts costs = {.start = Tenths(random), .finish = Tenths(random)};
    costs.step_fixed = Tenths(random);
    costs.step = costs.step_fixed + Tenths(random);
    return Admit(request, kNow + absl::Seconds(Tenths(random)), costs);
  }
  // Seconds of its rows, when what passes have in common is shared by so many.
  static double TimeIn(int batch_size, const AdmittedRequest& request) {
    double time = 0;
    for (const auto& row : request.rows) {
      const double saved = row.costs.step_fixed * (1 - 1.0 / batch_size);
      time += row.costs.start + row.steps_left * (row.costs.step - saved) + row.costs.finish;
    }
    return time;
  }

  // Of n such rows, groups of the square root of 2n finish earliest on average.
  static constexpr RowCosts kCosts = {.start = 5, .step = 4, .step_fixed = 2, .finish = 3};
  static constexpr double kAlone = 5 + 10 * 4 + 3;
  static constexpr double kInTwos = 5 + 10 * (2 + 1) + 3;
  static constexpr double kInFours = 5 + 10 * (2 + 0.5) + 3;
  const absl::Time before_ = kNow - absl::Seconds(1), after_ = kNow + absl::Seconds(1);
  RowTable rows_{{.priority = 10}};
  RowId last_id_ = 1;
};

TEST_F(PredictDurationTest, AloneInBatchesOfOneItIsItsTimeAlone) {
  EXPECT_NEAR(Predict(/*max_batch_size=*/1), kAlone, kRounding);
}

TEST_F(PredictDurationTest, ALoneRowSharesNothingHoweverLargeBatchesMayBe) {
  EXPECT_NEAR(Predict(/*max_batch_size=*/8), kAlone, kRounding);
}

TEST_F(PredictDurationTest, InBatchesOfOneThoseDueBeforeAreDoneFirstAndTheOthersDoNotCount) {
  Arrive(2, before_);
  Arrive(1, kNow);
  Arrive(3, after_);
  EXPECT_NEAR(Predict(1), 3 * kAlone + kAlone, kRounding);
  EXPECT_NEAR(Predict(1, Priority::kHigh), kAlone, kRounding);
  EXPECT_NEAR(Predict(1, Priority::kLow), 6 * kAlone + kAlone, kRounding);
}

TEST_F(PredictDurationTest, WhatRowsHaveBehindThemDoesNotCount) {
  Arrive(2, before_);
  rows_.Start(std::vector<RowId>{2, 3});
  for (int i = 0; i < 4; ++i) rows_.Step(std::vector<RowId>{3});
  EXPECT_NEAR(Predict(1), (kAlone - 5) + (kAlone - 5 - 4 * 4) + kAlone, kRounding);
}

TEST_F(PredictDurationTest, FullHousesMakeLargerBatches) {
  Arrive(7, before_);
  EXPECT_NEAR(Predict(1), 8 * kAlone, kRounding);
  EXPECT_NEAR(Predict(2), 8 * kInTwos, kRounding);
  EXPECT_NEAR(Predict(8), 8 * kInFours, kRounding);
}

TEST_F(PredictDurationTest, ThoseDueAfterItShareItsPassesButNotMore) {
  Arrive(6, before_);
  Arrive(1, after_);
  EXPECT_NEAR(Predict(8), 6 * kInFours + kInFours + 1.0 * kInFours, kRounding);
  Arrive(1, after_);
  rows_.Remove(2);
  EXPECT_NEAR(Predict(8), 5 * kInFours + kInFours + 1.5 * kInFours, kRounding);
}

TEST_F(PredictDurationTest, IsBetweenItsOwnWorkInFullBatchesAndEverybodysOneAfterTheOther) {
  SeededRandom random;
  for (int house = 0; house < 300; ++house) {
    const int max_batch_size = static_cast<int>(random.Between(1, 16));
    RowTable rows({.priority = Tenths(random)});
    double alone = 0;  // Everybody's time.
    for (size_t left = random.Between(0, 12); left > 0; --left) {
      auto other = std::make_unique<AdmittedRequest>(Draw(random));
      alone += TimeIn(1, *other);
      rows.Add(std::move(other));
    }
    const AdmittedRequest own = Draw(random);
    const double predicted = absl::ToDoubleSeconds(PredictDuration(own, rows, max_batch_size));
    ASSERT_GE(predicted, TimeIn(max_batch_size, own) - kRounding);
    ASSERT_LE(predicted, TimeIn(1, own) + alone + kRounding);
  }
}

}  // namespace
}  // namespace darkroom
