#include "batcher/batch_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using Action = Decision::Action;

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr absl::Duration kTick = absl::Nanoseconds(1);
const absl::Time kStart = absl::FromUnixSeconds(1000);

class BatchPolicyTest : public testing::Test {
 protected:
  void Arrive(RowId id, absl::Time arrival, BatchKey key = {8, 8},
              absl::Time deadline = absl::InfiniteFuture()) {
    const Row row = {.id = id, .key = key, .deadline = deadline, .arrival = arrival};
    ASSERT_TRUE(waiting_.Push({&row, 1}).ok());
  }

  void Run(RowId id, bool started, int steps_left) {
    running_.push_back({.row = {.id = id}, .started = started, .steps_left = steps_left});
  }

  Decision At(absl::Time now, bool draining = false) const {
    return Decide(now, waiting_, running_, draining);
  }

  static std::vector<RowId> Ids(const Decision& decision) {
    std::vector<RowId> ids;
    for (const Row& row : decision.rows) ids.push_back(row.id);
    return ids;
  }

  RowQueue waiting_{{.window = kWindow, .max_batch_size = 3}};
  std::vector<RunningRow> running_;
};

TEST_F(BatchPolicyTest, AnEmptyHouseWaitsForever) {
  EXPECT_EQ(At(kStart).action, Action::kWait);
  EXPECT_EQ(At(kStart).wake, absl::InfiniteFuture());
}

TEST_F(BatchPolicyTest, ALoneRowWaitsExactlyOneWindow) {
  Arrive(1, kStart);
  EXPECT_EQ(At(kStart + kWindow - kTick).action, Action::kWait);
  EXPECT_EQ(At(kStart + kWindow - kTick).wake, kStart + kWindow);
  EXPECT_EQ(At(kStart + kWindow).action, Action::kTake);
}

TEST_F(BatchPolicyTest, AFullBatchLeavesAtOnce) {
  for (RowId id : {1, 2, 3}) Arrive(id, kStart);
  EXPECT_EQ(At(kStart).action, Action::kTake);
}

TEST_F(BatchPolicyTest, ARowThatIsNotDueDoesNotHoldUpAKeyThatIs) {
  Arrive(1, kStart, {8, 8});
  for (RowId id : {2, 3, 4}) Arrive(id, kStart + kTick, {16, 16});
  const Decision decision = At(kStart + kTick);
  EXPECT_EQ(decision.action, Action::kTake);
  EXPECT_EQ(decision.key, (BatchKey{16, 16}));
}

TEST_F(BatchPolicyTest, DrainingSendsWaitingRowsOffAtOnce) {
  Arrive(1, kStart);
  EXPECT_EQ(At(kStart, /*draining=*/true).action, Action::kTake);
}

TEST_F(BatchPolicyTest, TheDeviceTakesNobodyWhileABatchRuns) {
  for (RowId id : {1, 2, 3}) Arrive(id, kStart);
  Run(9, /*started=*/true, /*steps_left=*/2);
  EXPECT_EQ(At(kStart + kWindow).action, Action::kStep);
}

TEST_F(BatchPolicyTest, RowsStartThenStepTogetherThenFinishAsTheyAreDone) {
  Run(1, false, 2);
  Run(2, false, 1);
  EXPECT_EQ(At(kStart).action, Action::kStart);
  EXPECT_THAT(Ids(At(kStart)), ElementsAre(1, 2));
  running_[0].started = running_[1].started = true;
  EXPECT_EQ(At(kStart).action, Action::kStep);
  EXPECT_THAT(Ids(At(kStart)), ElementsAre(1, 2));
  running_[0].steps_left = 1;
  running_[1].steps_left = 0;
  EXPECT_EQ(At(kStart).action, Action::kFinish);
  EXPECT_THAT(Ids(At(kStart)), ElementsAre(2));
}

TEST_F(BatchPolicyTest, ALateRowLeavesBeforeAnythingElseHappens) {
  Arrive(1, kStart, {8, 8}, /*deadline=*/kStart + absl::Milliseconds(5));
  EXPECT_EQ(At(kStart).wake, kStart + absl::Milliseconds(5));
  Run(2, true, 3);
  EXPECT_EQ(At(kStart + absl::Milliseconds(5) - kTick).action, Action::kStep);
  const Decision decision = At(kStart + absl::Milliseconds(5));
  EXPECT_EQ(decision.action, Action::kDrop);
  EXPECT_THAT(Ids(decision), ElementsAre(1));
}

TEST_F(BatchPolicyTest, ACancelledRowLeavesTheRunningBatchAtTheNextBoundary) {
  Run(1, true, 3);
  Run(2, true, 3);
  running_[1].row.cancelled = true;
  EXPECT_EQ(At(kStart).action, Action::kDrop);
  EXPECT_THAT(Ids(At(kStart)), ElementsAre(2));
}

}  // namespace
}  // namespace darkroom
