#include "batcher/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "tests/support/fake_engine.h"
#include "tests/support/manual_clock.h"
#include "tests/support/null_observer.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Call = FakeEngine::Call;

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr absl::Duration kTick = absl::Nanoseconds(1);

// Remembers what it heard.
class RecordingObserver final : public NullObserver {
 public:
  void OnHouse(const HouseCounts& change) override {
    absl::MutexLock lock(&mu_);
    for (size_t i = 0; i < kPriorities; ++i) house_.waiting[i] += change.waiting[i];
    house_.running += change.running;
    house_.pixel_steps += change.pixel_steps;
    house_.tenants += change.tenants;
  }
  void OnStart(StartTrigger trigger, absl::Duration) override {
    absl::MutexLock lock(&mu_);
    starts_.push_back(trigger);
  }
  void OnPass(const PassReport& pass) override {
    absl::MutexLock lock(&mu_);
    pass_rows_ += pass.rows;
  }
  void OnFailedCall(const absl::Status&, bool is_split) override {
    absl::MutexLock lock(&mu_);
    splits_.push_back(is_split);
  }
  void OnLostRow(const LostRow& row) override {
    absl::MutexLock lock(&mu_);
    lost_.push_back(row.stage);
  }

  HouseCounts house() const { return Copy(house_); }
  std::vector<StartTrigger> starts() const { return Copy(starts_); }
  int pass_rows() const { return Copy(pass_rows_); }
  std::vector<bool> splits() const { return Copy(splits_); }
  std::vector<RowStage> lost() const { return Copy(lost_); }

 private:
  template <typename T>
  T Copy(const T& value) const {
    absl::MutexLock lock(&mu_);
    return value;
  }

  mutable absl::Mutex mu_;
  HouseCounts house_;
  std::vector<StartTrigger> starts_;
  int pass_rows_ = 0;
  std::vector<bool> splits_;
  std::vector<RowStage> lost_;
};

class BatcherTest : public testing::Test {
 protected:
  static BatchRequest Request(std::vector<RowId> ids, int steps = 1) {
    BatchRequest request;
    for (const RowId id : ids) request.rows.push_back({.id = id, .steps = steps});
    return request;
  }

  void Submit(std::vector<RowId> ids, int steps = 1) {
    ASSERT_TRUE(batcher_.Submit(Request(std::move(ids), steps)).ok());
  }

  ManualClock clock_;
  FakeEngine engine_;
  RecordingObserver observer_;
  Batcher batcher_{{.window = kWindow, .max_batch_size = 4, .limits = {.images = 8}},
                   {},
                   clock_,
                   engine_,
                   observer_};
};

TEST_F(BatcherTest, ALoneRowLeavesWhenItsWindowClosesAndNotBefore) {
  const absl::Time due = clock_.TimeNow() + kWindow;
  Submit({1});
  clock_.AwaitSleeperUntil(due);
  clock_.AdvanceTime(kWindow - kTick);
  clock_.AwaitSleeperUntil(due);  // Still asleep, one tick before the end.
  EXPECT_THAT(engine_.calls("start"), IsEmpty());
  clock_.AdvanceTime(kTick);
  EXPECT_TRUE(engine_.AwaitEnd(1).ok());
}

TEST_F(BatcherTest, AFullBatchLeavesWithoutTheClock) {
  Submit({1, 2});
  Submit({3, 4});
  engine_.AwaitEnds(4);
  EXPECT_THAT(engine_.calls("start"), ElementsAre(Call{"start", {1, 2, 3, 4}}));
}

TEST_F(BatcherTest, RowsWithFewerStepsFinishFirstAndTheOthersGoOn) {
  BatchRequest request = Request({1, 2, 3, 4}, /*steps=*/1);
  request.rows[1].steps = 3;
  ASSERT_TRUE(batcher_.Submit(request).ok());
  engine_.AwaitEnds(4);
  EXPECT_THAT(engine_.calls("step"),
              ElementsAre(Call{"step", {1, 2, 3, 4}}, Call{"step", {2}}, Call{"step", {2}}));
  EXPECT_THAT(engine_.calls("finish"), ElementsAre(Call{"finish", {1, 3, 4}}, Call{"finish", {2}}));
}

TEST_F(BatcherTest, KeysNeverMix) {
  for (const RowId id : {1, 2, 3, 4}) {
    BatchRequest request = Request({id});
    if (id % 2 == 0) request.key = {8, 8};
    ASSERT_TRUE(batcher_.Submit(request).ok());
  }
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_THAT(engine_.calls("step"), ElementsAre(Call{"step", {1, 3}}, Call{"step", {2, 4}}));
}

TEST_F(BatcherTest, ABadRowEndsAloneAndItsMatesNeverNotice) {
  for (const char* kind : {"start", "step", "finish"}) {
    const RowId first = engine_.end_counts().size() + 1;
    engine_.FailRow(kind, first + 2);
    Submit({first, first + 1, first + 2, first + 3}, /*steps=*/2);
    for (RowId id = first; id < first + 4; ++id) {
      EXPECT_EQ(engine_.AwaitEnd(id).ok(), id != first + 2) << kind << " " << id;
    }
  }
}

TEST_F(BatcherTest, ACallWithoutMemoryIsHalvedAndLaterOnesAreSmaller) {
  engine_.SetMemory(2);
  Submit({1, 2, 3, 4}, /*steps=*/2);
  engine_.AwaitEnds(4);
  for (RowId id = 1; id <= 4; ++id) EXPECT_TRUE(engine_.AwaitEnd(id).ok());
  EXPECT_THAT(engine_.calls("step"),
              ElementsAre(Call{"step", {1, 2, 3, 4}}, Call{"step", {1, 2}}, Call{"step", {3, 4}},
                          Call{"step", {1, 2}}, Call{"step", {3, 4}}));
}

TEST_F(BatcherTest, TheObserverHearsWhyCallsFailedAndWhatWasSpentOnThoseWhoGotNothing) {
  engine_.FailRow("step", 3);
  Submit({1, 2, 3, 4}, /*steps=*/2);
  engine_.AwaitEnds(4);
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_EQ(observer_.starts(), std::vector{StartTrigger::kFull});
  EXPECT_THAT(observer_.splits(), ElementsAre(true, true, false));  // Of 4, of {3, 4}, of 3.
  EXPECT_THAT(observer_.lost(), ElementsAre(RowStage::kDenoise));
  EXPECT_EQ(observer_.pass_rows(), 2 + 1 + 3);
  EXPECT_EQ(observer_.house(), HouseCounts());
}

TEST_F(BatcherTest, ARowThatDoesNotFitAloneEndsSo) {
  engine_.SetMemory(0);
  Submit({1});
  clock_.AwaitSleeperUntil(clock_.TimeNow() + kWindow);
  clock_.AdvanceTime(kWindow);
  EXPECT_TRUE(absl::IsResourceExhausted(engine_.AwaitEnd(1)));
}

TEST_F(BatcherTest, RowsJoinARunningBatchAtAStepBoundary) {
  engine_.Hold();
  Submit({1, 2, 3}, /*steps=*/3);
  clock_.AwaitSleeperUntil(clock_.TimeNow() + kWindow);
  clock_.AdvanceTime(kWindow);
  engine_.AwaitHeldCall("start");
  engine_.HoldAt("step");
  engine_.AwaitHeldCall("step");
  Submit({4}, /*steps=*/1);
  engine_.Release();
  engine_.AwaitEnds(4);
  EXPECT_THAT(engine_.calls("start"), ElementsAre(Call{"start", {1, 2, 3}}, Call{"start", {4}}));
  EXPECT_THAT(
      engine_.calls("step"),
      ElementsAre(Call{"step", {1, 2, 3}}, Call{"step", {1, 2, 3, 4}}, Call{"step", {1, 2, 3}}));
}

TEST_F(BatcherTest, ACancelledRowLeavesAtTheNextStepBoundary) {
  engine_.Hold();
  for (const RowId id : {1, 2, 3, 4}) Submit({id}, /*steps=*/5);
  engine_.AwaitHeldCall("start");
  batcher_.Cancel(2);
  batcher_.Cancel(77);
  engine_.Release();
  EXPECT_TRUE(absl::IsCancelled(engine_.AwaitEnd(2)));
  engine_.AwaitEnds(4);
  EXPECT_THAT(engine_.calls("step"), SizeIs(5));
  EXPECT_THAT(engine_.calls("step").front().rows, ElementsAre(1, 3, 4));
}

TEST_F(BatcherTest, AllRowsOfACancelledRequestLeaveTogetherThoughItsFirstHasEnded) {
  BatchRequest request = Request({1, 2, 3}, /*steps=*/1000);
  request.rows[0].steps = 0;
  engine_.Hold();
  ASSERT_TRUE(batcher_.Submit(request).ok());
  Submit({4}, /*steps=*/2);
  engine_.AwaitHeldCall("start");
  engine_.HoldAt("step");
  EXPECT_TRUE(engine_.AwaitEnd(1).ok());  // It had no steps to do.
  engine_.AwaitHeldCall("step");
  batcher_.Cancel(1);
  engine_.Release();
  EXPECT_TRUE(absl::IsCancelled(engine_.AwaitEnd(2)));
  EXPECT_TRUE(absl::IsCancelled(engine_.AwaitEnd(3)));
  EXPECT_TRUE(engine_.AwaitEnd(4).ok());
}

TEST_F(BatcherTest, ACancelledRowThatWaitsNeverReachesTheDevice) {
  Submit({1});
  batcher_.Cancel(1);
  EXPECT_TRUE(absl::IsCancelled(engine_.AwaitEnd(1)));
  EXPECT_THAT(engine_.calls("start"), IsEmpty());
}

TEST_F(BatcherTest, ADeadlineInTheQueueIsKeptToTheNanosecond) {
  BatchRequest request = Request({1});
  request.deadline = clock_.TimeNow() + absl::Milliseconds(7);
  ASSERT_TRUE(batcher_.Submit(request).ok());
  clock_.AwaitSleeperUntil(request.deadline);
  clock_.AdvanceTime(absl::Milliseconds(7) - kTick);
  clock_.AwaitSleeperUntil(request.deadline);
  EXPECT_THAT(engine_.end_counts(), IsEmpty());
  clock_.AdvanceTime(kTick);
  EXPECT_TRUE(absl::IsDeadlineExceeded(engine_.AwaitEnd(1)));
}

TEST_F(BatcherTest, AFullQueueRefusesTheWholeRequest) {
  engine_.Hold();
  Submit({1, 2, 3, 4});
  engine_.AwaitHeldCall("start");
  Submit({11, 12, 13, 14, 15, 16, 17});
  EXPECT_TRUE(absl::IsResourceExhausted(batcher_.Submit(Request({21, 22}))));
  Submit({31});
  engine_.Release();
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_THAT(engine_.end_counts(), SizeIs(12));
}

TEST_F(BatcherTest, DrainingFinishesWhatWasAcceptedAndRefusesTheRest) {
  Submit({1, 2}, /*steps=*/3);
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_TRUE(engine_.AwaitEnd(1).ok());
  EXPECT_TRUE(engine_.AwaitEnd(2).ok());
  EXPECT_TRUE(absl::IsUnavailable(batcher_.Submit(Request({3}))));
}

TEST_F(BatcherTest, WhenPatienceEndsTheRestIsUnavailable) {
  engine_.Hold();
  Submit({1, 2, 3, 4}, /*steps=*/1000);
  Submit({5});
  engine_.AwaitHeldCall("start");
  const absl::Time deadline = clock_.TimeNow() + absl::Seconds(1);
  std::thread drain([&] { batcher_.Drain(absl::Seconds(1)); });
  clock_.AwaitSleeperUntil(deadline);
  clock_.AdvanceTime(absl::Seconds(1));
  clock_.AwaitNoSleeperUntil(deadline);  // Or a quick engine would be done before patience ends.
  engine_.Release();
  drain.join();
  EXPECT_TRUE(absl::IsUnavailable(engine_.AwaitEnd(1)));
  EXPECT_TRUE(absl::IsUnavailable(engine_.AwaitEnd(5)));
}

TEST_F(BatcherTest, WhenTheDeviceHasFailedEveryRowEndsAndNoneIsTaken) {
  engine_.LoseDevice("step", 2);
  Submit({1, 2, 3, 4}, /*steps=*/5);
  engine_.AwaitEnds(4);
  EXPECT_THAT(engine_.calls("step"), SizeIs(1));
  for (const RowId row : {1, 2, 3, 4}) {
    EXPECT_TRUE(absl::IsUnavailable(engine_.AwaitEnd(row)));
  }
  EXPECT_TRUE(absl::IsUnavailable(batcher_.Submit(Request({5}))));
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_THAT(engine_.calls("step"), SizeIs(1));
}

TEST_F(BatcherTest, ADeadlineThatWasExtendedIsKeptInstead) {
  BatchRequest request = Request({1}, /*steps=*/2);
  request.deadline = clock_.TimeNow() + absl::Seconds(1);
  engine_.Hold();
  ASSERT_TRUE(batcher_.Submit(request).ok());
  clock_.AwaitSleeperUntil(clock_.TimeNow() + kWindow);
  clock_.AdvanceTime(kWindow);
  engine_.AwaitHeldCall("start");
  batcher_.Extend(1, request.deadline + absl::Hours(1));
  batcher_.Extend(1, request.deadline - absl::Milliseconds(500));  // Never back.
  batcher_.Extend(99, request.deadline);                           // Nobody's.
  clock_.AdvanceTime(absl::Minutes(1));
  engine_.Release();
  EXPECT_TRUE(engine_.AwaitEnd(1).ok());
}

TEST_F(BatcherTest, APlaceCountsTheImagesThatWaitBeforeIt) {
  engine_.Hold();
  Submit({1, 2, 3, 4});
  engine_.AwaitHeldCall("start");
  Submit({5});
  Submit({6});
  Submit({7});
  EXPECT_EQ(batcher_.PlaceOf(1)->images_before, 0);  // Under way.
  EXPECT_EQ(batcher_.PlaceOf(5)->images_before, 0);
  EXPECT_EQ(batcher_.PlaceOf(6)->images_before, 1);
  EXPECT_EQ(batcher_.PlaceOf(7)->images_before, 2);
  engine_.Release();
  batcher_.Drain(absl::InfiniteDuration());
  EXPECT_EQ(batcher_.PlaceOf(7), std::nullopt);
}

TEST_F(BatcherTest, EveryRowEndsExactlyOnceWhoeverSubmitsAndCancels) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::vector<std::thread> callers;
  std::vector<size_t> accepted(4);
  for (size_t c = 0; c < accepted.size(); ++c) {
    callers.emplace_back([&, c] {
      std::mt19937 draw(seed + static_cast<unsigned>(c));
      for (RowId i = 0; i < 500; ++i) {
        const RowId id = c * 1'000'000 + i;
        accepted[c] += batcher_.Submit(Request({id}, 1 + static_cast<int>(draw() % 3))).ok();
        if (draw() % 4 == 0) batcher_.Cancel(id);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  batcher_.Drain(absl::InfiniteDuration());
  const std::map<RowId, int> ends = engine_.end_counts();
  EXPECT_EQ(ends.size(), accepted[0] + accepted[1] + accepted[2] + accepted[3]);
  EXPECT_THAT(ends, testing::Each(Pair(testing::_, 1)));
}

}  // namespace
}  // namespace darkroom
