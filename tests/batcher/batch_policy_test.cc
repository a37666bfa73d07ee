#include "batcher/batch_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Action = Decision::Action;

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr absl::Duration kTick = absl::Nanoseconds(1);
const absl::Time kStart = absl::FromUnixSeconds(1000);
constexpr BatchKey kKey = {8, 8};
constexpr BatchKey kOtherKey = {16, 16};

// A pass of n samples takes 10 + n ms, a first call 5 ms, a last call 5 ms.
CostModel KnownCosts() {
  CostModel costs;
  for (const BatchKey& key : {kKey, kOtherKey}) {
    for (int i = 0; i < 5; ++i) {  // One would not be believed.
      for (const int samples : {1, 16}) {
        costs.Observe(CallKind::kStep, key, samples, 0.010 + 0.001 * samples);
      }
    }
    costs.Observe(CallKind::kStart, key, 1, 0.005);
    costs.Observe(CallKind::kFinish, key, 1, 0.005);
  }
  return costs;
}

class BatchPolicyTest : public testing::TestWithParam<BatchingMode> {
 protected:
  BatchPolicyTest() : rows_(WeightsOf(GetParam())) { options_.mode = GetParam(); }

  void Arrive(absl::Time arrival, BatchRequest request) {
    rows_.Add(std::make_unique<AdmittedRequest>(request, arrival, rows_.tenant_work(request.tenant),
                                                costs_));
  }
  void Arrive(RowId id, absl::Time arrival, const BatchKey& key = kKey, int steps = 1) {
    Arrive(arrival, {.rows = {{.id = id, .steps = steps}}, .key = key});
  }

  Decision At(absl::Time now, bool draining = false) const {
    return Decide({.now = now,
                   .rows = rows_,
                   .costs = costs_,
                   .caps = caps_,
                   .load = load_,
                   .idle_since = idle_since_,
                   .draining = draining},
                  options_);
  }

  void Start(std::vector<RowId> rows) { rows_.Start(rows); }

  BatchOptions options_ = {.window = kWindow, .max_batch_size = 3};
  CostModel costs_;
  BatchCaps caps_;
  RowTable rows_;
  double load_ = 0.5;
  absl::Time idle_since_ = absl::InfinitePast();
};

TEST_P(BatchPolicyTest, AnEmptyHouseWaitsForever) {
  EXPECT_EQ(At(kStart).action, Action::kWait);
  EXPECT_EQ(At(kStart).wake, absl::InfiniteFuture());
}

TEST_P(BatchPolicyTest, AnIdleDeviceWaitsExactlyOneWindow) {
  Arrive(1, kStart);
  EXPECT_EQ(At(kStart + kWindow - kTick).action, Action::kWait);
  EXPECT_EQ(At(kStart + kWindow - kTick).wake, kStart + kWindow);
  EXPECT_EQ(At(kStart + kWindow).action, Action::kStart);
  EXPECT_EQ(At(kStart + kWindow).trigger, StartTrigger::kWindow);
}

TEST_P(BatchPolicyTest, WhoCameWhileTheDeviceWasBusyWaitsForNoCompany) {
  Arrive(1, kStart);
  idle_since_ = kStart;
  EXPECT_EQ(At(kStart).action, Action::kWait);
  idle_since_ = kStart + kTick;
  EXPECT_EQ(At(kStart + kTick).action, Action::kStart);
  EXPECT_EQ(At(kStart + kTick).trigger, StartTrigger::kBacklog);
}

TEST_P(BatchPolicyTest, AFullBatchLeavesAtOnce) {
  for (RowId id : {1, 2}) Arrive(id, kStart);
  EXPECT_EQ(At(kStart).action, Action::kWait);
  Arrive(3, kStart);
  EXPECT_EQ(At(kStart).action, Action::kStart);
  EXPECT_THAT(At(kStart).rows, ElementsAre(1, 2, 3));
  EXPECT_EQ(At(kStart).trigger, StartTrigger::kFull);
}

TEST_P(BatchPolicyTest, DrainingEndsTheWindow) {
  Arrive(1, kStart);
  EXPECT_EQ(At(kStart, /*draining=*/true).action, Action::kStart);
  EXPECT_EQ(At(kStart, /*draining=*/true).trigger, StartTrigger::kDrain);
}

TEST_P(BatchPolicyTest, ADeadlineThatCouldNotWaitEndsTheWindow) {
  costs_ = KnownCosts();
  // Alone: 5 + 12 + 5 ms.
  Arrive(kStart, {.rows = {{.id = 1}}, .key = kKey, .deadline = kStart + absl::Milliseconds(40)});
  const absl::Time last = kStart + absl::Milliseconds(40) - 1.4 * absl::Milliseconds(22);
  EXPECT_EQ(At(last - absl::Microseconds(1)).action, Action::kWait);
  EXPECT_EQ(At(last + absl::Microseconds(1)).action, Action::kStart);
  EXPECT_EQ(At(last + absl::Microseconds(1)).trigger, StartTrigger::kDeadline);
}

TEST_P(BatchPolicyTest, KeysNeverMix) {
  Arrive(1, kStart);
  Arrive(2, kStart, kOtherKey);
  Arrive(3, kStart);
  EXPECT_THAT(At(kStart + kWindow).rows, ElementsAre(1, 3));
}

TEST_P(BatchPolicyTest, RowsStartThenStepThenFinish) {
  Arrive(1, kStart, kKey, 2);
  Arrive(2, kStart, kKey, 1);
  EXPECT_EQ(At(kStart + kWindow).action, Action::kStart);
  Start({1, 2});
  EXPECT_EQ(At(kStart + kWindow).action, Action::kStep);
  EXPECT_THAT(At(kStart + kWindow).rows, UnorderedElementsAre(1, 2));
  rows_.Step(std::vector<RowId>{1, 2});
  EXPECT_EQ(At(kStart + kWindow).action, Action::kFinish);
  EXPECT_THAT(At(kStart + kWindow).rows, ElementsAre(2));
}

TEST_P(BatchPolicyTest, FinishedRowsOfOneKeyAreDecodedTogether) {
  for (const RowId id : {1, 3, 5}) Arrive(id, kStart, kKey, 0);
  Arrive(2, kStart, kOtherKey, 0);
  Start({1, 2, 3, 5});
  EXPECT_THAT(At(kStart).rows, ElementsAre(1, 3, 5));
}

TEST_P(BatchPolicyTest, ARowThatCannotBeDoneInTimeLeavesBeforeAnythingElseHappens) {
  costs_ = KnownCosts();
  // Alone: 5 + 10 x 12 + 5 ms.
  Arrive(kStart, {.rows = {{.id = 1, .steps = 10}},
                  .key = kKey,
                  .deadline = kStart + absl::Milliseconds(131)});
  Arrive(2, kStart);
  EXPECT_NE(At(kStart + absl::Milliseconds(1) - kTick).action, Action::kDrop);
  const Decision decision = At(kStart + absl::Milliseconds(1));
  EXPECT_EQ(decision.action, Action::kDrop);
  EXPECT_THAT(decision.rows, ElementsAre(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(decision.reason));
}

TEST_P(BatchPolicyTest, AllRowsOfACancelledRequestLeave) {
  Arrive(kStart, {.rows = {{.id = 1}, {.id = 2}}, .key = kKey});
  Arrive(3, kStart);
  Start({1});
  rows_.Cancel(1);
  const Decision decision = At(kStart);
  EXPECT_EQ(decision.action, Action::kDrop);
  EXPECT_THAT(decision.rows, ElementsAre(1, 2));
  EXPECT_TRUE(absl::IsCancelled(decision.reason));
}

TEST_P(BatchPolicyTest, HighGoesFirstAndLowLast) {
  options_.max_batch_size = 1;
  options_.window = absl::ZeroDuration();
  const Priority priorities[] = {Priority::kLow, Priority::kNormal, Priority::kHigh};
  for (RowId id = 1; id <= 3; ++id) {
    Arrive(kStart, {.rows = {{.id = id}}, .key = kKey, .priority = priorities[id - 1]});
  }
  EXPECT_THAT(At(kStart).rows, ElementsAre(3));
  rows_.Remove(3);
  EXPECT_THAT(At(kStart).rows, ElementsAre(2));
}

TEST_P(BatchPolicyTest, NoCallHasMoreRowsThanMemoryHasRoomFor) {
  caps_.OnOutOfMemory(CallKind::kStart, kKey, 4, kStart);
  caps_.OnOutOfMemory(CallKind::kStep, kKey, 2, kStart);
  options_.max_batch_size = 8;
  for (RowId id = 1; id <= 8; ++id) Arrive(id, kStart, kKey, 1);
  EXPECT_THAT(At(kStart).rows, ElementsAre(1));
  Start({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(At(kStart).rows, ElementsAre(1));
  rows_.Step(std::vector<RowId>{1, 2, 3});
  caps_.OnOutOfMemory(CallKind::kFinish, kKey, 4, kStart);
  EXPECT_THAT(At(kStart).rows, ElementsAre(1, 2));
}

INSTANTIATE_TEST_SUITE_P(Modes, BatchPolicyTest,
                         testing::Values(BatchingMode::kStatic, BatchingMode::kContinuous),
                         [](const auto& test) {
                           return test.param == BatchingMode::kStatic ? "Static" : "Continuous";
                         });

using StaticPolicyTest = BatchPolicyTest;

TEST_P(StaticPolicyTest, NobodyJoinsARunningBatch) {
  for (const RowId id : {1, 2}) Arrive(id, kStart, kKey, 2);
  Start({1, 2});
  Arrive(3, kStart);
  Arrive(kStart, {.rows = {{.id = 4}}, .key = kOtherKey, .priority = Priority::kHigh});
  EXPECT_EQ(At(kStart + kWindow).action, Action::kStep);
  EXPECT_THAT(At(kStart + kWindow).rows, UnorderedElementsAre(1, 2));
}

INSTANTIATE_TEST_SUITE_P(Mode, StaticPolicyTest, testing::Values(BatchingMode::kStatic));

using ContinuousPolicyTest = BatchPolicyTest;

TEST_P(ContinuousPolicyTest, RowsJoinARunningBatch) {
  Arrive(1, kStart, kKey, 2);
  Start({1});
  Arrive(2, kStart);
  EXPECT_EQ(At(kStart).action, Action::kStart);
  EXPECT_THAT(At(kStart).rows, ElementsAre(2));
  EXPECT_EQ(At(kStart).trigger, StartTrigger::kJoin);
}

TEST_P(ContinuousPolicyTest, AnotherKeyThatIsDueFirstTakesOverAtTheNextBoundary) {
  Arrive(1, kStart, kKey, 20);
  Start({1});
  Arrive(kStart, {.rows = {{.id = 2}}, .key = kOtherKey, .priority = Priority::kHigh});
  EXPECT_THAT(At(kStart).rows, ElementsAre(2));
}

TEST_P(ContinuousPolicyTest, AShorterRequestIsDueBeforeALongerOneThatCameWithIt) {
  costs_ = KnownCosts();
  options_.max_batch_size = 1;
  Arrive(1, kStart, kKey, 50);
  Arrive(2, kStart + kTick, kKey, 4);
  EXPECT_THAT(At(kStart + kWindow).rows, ElementsAre(2));
}

TEST_P(ContinuousPolicyTest, ATenantWithMuchInTheHouseWaitsBehindOneWithNothing) {
  costs_ = KnownCosts();
  options_.max_batch_size = 1;
  for (const RowId id : {1, 2, 3}) {
    Arrive(kStart, {.rows = {{.id = id, .steps = 20}}, .key = kKey, .tenant = "flood"});
  }
  Arrive(kStart + absl::Milliseconds(100),
         {.rows = {{.id = 4, .steps = 20}}, .key = kKey, .tenant = "one"});
  rows_.Remove(1);
  EXPECT_THAT(At(kStart + absl::Seconds(1)).rows, ElementsAre(4));
}

TEST_P(ContinuousPolicyTest, TheWindowIsForAnIdleDeviceAlone) {
  Arrive(1, kStart, kKey, 2);
  Start({1});
  EXPECT_EQ(At(kStart).action, Action::kStep);
}

INSTANTIATE_TEST_SUITE_P(Mode, ContinuousPolicyTest, testing::Values(BatchingMode::kContinuous));

}  // namespace
}  // namespace darkroom
