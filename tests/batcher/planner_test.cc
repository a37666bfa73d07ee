#include "batcher/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Action = Decision::Action;
using Decisions = std::vector<std::pair<Action, std::vector<RowId>>>;

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr absl::Duration kTick = absl::Nanoseconds(1);
constexpr absl::Duration kRounding = absl::Microseconds(1);
constexpr absl::Duration kAlone = absl::Microseconds(22'200);  // A row of one step.
constexpr auto kTooLate = absl::StatusCode::kDeadlineExceeded;
constexpr auto kNoRoom = absl::StatusCode::kResourceExhausted;

BatchRequest Request(RowId first, int rows = 1, int steps = 1) {
  BatchRequest request;
  for (int i = 0; i < rows; ++i) request.rows.push_back({.id = first++, .steps = steps});
  return request;
}

// A pass of n samples takes 10 + n ms, a first call 5.2 ms, a last one 5 ms.
DeviceProfile KnownDevice() {
  DeviceProfile device;
  for (const int n : {1, 16}) device.costs.Observe(CallKind::kStep, {}, n, 0.010 + 0.001 * n);
  device.costs.Observe(CallKind::kStart, {}, 1, 0.0052);
  device.costs.Observe(CallKind::kFinish, {}, 1, 0.005);
  return device;
}

class PlannerTest : public testing::TestWithParam<BatchingMode> {
 protected:
  static Planner MakePlanner(const DeviceProfile& device, int max_batch_size = 1) {
    return Planner({.mode = GetParam(),
                    .window = kWindow,
                    .max_batch_size = max_batch_size,
                    .limits = {.images = 8, .images_per_tenant = 4}},
                   device);
  }

  absl::Status Submit(Planner& planner, BatchRequest request,
                      absl::Duration patience = absl::InfiniteDuration()) const {
    request.deadline = now_ + patience;
    return planner.Submit(now_, request);
  }

  // Does what is to be done now. A call takes this long.
  Decision Advance(Planner& planner, absl::Duration took = absl::ZeroDuration()) {
    const Decision decision = planner.Next(now_);
    const bool is_drop = decision.action == Action::kDrop;
    if (decision.action == Action::kWait) return decision;
    if (!is_drop) planner.OnCall(KindOf(decision.action), decision.rows, now_ += took, took);
    if (is_drop || decision.action == Action::kFinish) {
      for (const RowId row : decision.rows) planner.OnEnd(row, now_);
    }
    return decision;
  }

  // Does all that is left to do, without a window.
  Decisions Finish(Planner& planner, absl::Duration took = absl::ZeroDuration()) {
    planner.Drain();
    Decisions decisions;
    while (planner.rows().rows() > 0) {
      Decision decision = Advance(planner, took);
      decisions.emplace_back(decision.action, std::move(decision.rows));
    }
    return decisions;
  }

  // Does what comes before such a call; its rows.
  std::vector<RowId> AdvanceTo(Action kind, Planner& planner) const {
    Decision next = planner.Next(now_);
    for (; next.action != kind; next = planner.Next(now_)) {
      planner.OnCall(KindOf(next.action), next.rows, now_, absl::ZeroDuration());
    }
    return next.rows;
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_P(PlannerTest, ALoneRowStartsHasItsStepsAndFinishes) {
  Planner planner = MakePlanner({});
  ASSERT_OK(planner.Submit(now_, Request(1, 1, /*steps=*/2)));
  EXPECT_EQ(Finish(planner), (Decisions{{Action::kStart, {1}},
                                        {Action::kStep, {1}},
                                        {Action::kStep, {1}},
                                        {Action::kFinish, {1}}}));
}

TEST_P(PlannerTest, DrainingEndsTheWindow) {
  Planner planner = MakePlanner({}, /*max_batch_size=*/2);
  ASSERT_OK(planner.Submit(now_, Request(1)));
  EXPECT_EQ(planner.Next(now_).action, Action::kWait);
  EXPECT_EQ(planner.Next(now_).wake, now_ + kWindow);
  planner.Drain();
  EXPECT_EQ(planner.Next(now_).action, Action::kStart);
}

TEST_P(PlannerTest, ARefusedRequestLeavesNoTrace) {
  Planner planner = MakePlanner(KnownDevice(), 4), twin = MakePlanner(KnownDevice(), 4);
  for (Planner* each : {&planner, &twin}) ASSERT_OK(Submit(*each, Request(1, 3, 5)));
  BatchRequest of_others = Request(51, 3);
  of_others.tenant = "another";
  for (Planner* each : {&planner, &twin}) ASSERT_OK(Submit(*each, of_others));
  of_others = Request(61, 3);
  of_others.tenant = "a third";
  EXPECT_THAT(Submit(planner, of_others), StatusIs(kNoRoom, HasSubstr("the queue")));
  EXPECT_THAT(Submit(planner, Request(11, 9)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Submit(planner, Request(21, 2)), StatusIs(kNoRoom, HasSubstr("caller's share")));
  EXPECT_THAT(Submit(planner, Request(31), absl::ZeroDuration()), StatusIs(kTooLate));
  EXPECT_THAT(Submit(planner, Request(41), kTick), StatusIs(kTooLate));
  EXPECT_EQ(planner.rows().requests(), 2u);
  EXPECT_EQ(planner.rows().waiting().images, 6);
  EXPECT_EQ(planner.rows().waiting_images(""), 3);
  EXPECT_EQ(planner.rows().tenant_work(""), twin.rows().tenant_work(""));
  EXPECT_EQ(Finish(planner), Finish(twin));
}

TEST_P(PlannerTest, OnlyADeadlineToComeIsTaken) {
  Planner planner = MakePlanner({});
  for (const absl::Duration patience : {-kTick, absl::ZeroDuration()}) {
    EXPECT_THAT(Submit(planner, Request(1), patience), StatusIs(kTooLate, HasSubstr("passed")));
  }
  EXPECT_OK(Submit(planner, Request(1), kTick));
}

TEST_P(PlannerTest, ADeadlineThatIsSureToPassIsRefusedWithTheTimeThatItWouldTake) {
  Planner planner = MakePlanner(KnownDevice());
  ASSERT_OK(Submit(planner, Request(1)));
  EXPECT_THAT(Submit(planner, Request(2), 2 * kAlone - kRounding),
              StatusIs(kTooLate, HasSubstr("about 44ms")));
  EXPECT_OK(Submit(planner, Request(2), 2 * kAlone + kRounding));
}

TEST_P(PlannerTest, RefusedRequestsAreLoadAndLoadMakesItMoreCautious) {
  Planner planner = MakePlanner(KnownDevice());
  ASSERT_OK(Submit(planner, Request(1)));
  for (RowId id = 2; id < 100; ++id) EXPECT_FALSE(Submit(planner, Request(id), -kTick).ok());
  EXPECT_THAT(Submit(planner, Request(100), 1.39 * 2 * kAlone), StatusIs(kTooLate));
  EXPECT_OK(Submit(planner, Request(100), 1.41 * 2 * kAlone));
}

TEST_P(PlannerTest, WhereEveryPassIsAFullOneABatchIsPredictedToTakeWhatOneRowDoes) {
  DeviceProfile device;
  device.costs.PadTo({8});
  device.costs.Observe(CallKind::kStep, {}, 2, 0.1);
  Planner planner({.mode = GetParam(), .window = kWindow, .padded_sizes = {8}}, device);
  for (RowId id = 1; id <= 8; ++id) {
    EXPECT_OK(Submit(planner, Request(id, 1, /*steps=*/20), absl::Seconds(20 * 0.1 + 0.001)));
  }
}

TEST_P(PlannerTest, ADeviceThatWasIdleFor30SecondsTriesOneThatSeemsTooLate) {
  constexpr absl::Duration kCall = absl::Milliseconds(10);  // Of which a row has three.
  Planner planner = MakePlanner({});
  ASSERT_OK(Submit(planner, Request(1)));
  Finish(planner, kCall);
  now_ += absl::Seconds(30);
  EXPECT_THAT(Submit(planner, Request(2), 2 * kCall), StatusIs(kTooLate));
  now_ += kTick;
  EXPECT_OK(Submit(planner, Request(2), 2 * kCall));
  EXPECT_THAT(Submit(planner, Request(3), 2 * kCall), StatusIs(kTooLate));
}

TEST_P(PlannerTest, WhatTheWarmUpTaughtIsTrustedFor30Seconds) {
  Planner planner = MakePlanner(KnownDevice());
  EXPECT_THAT(Submit(planner, Request(1), kAlone - kRounding), StatusIs(kTooLate));
  now_ += absl::Seconds(30);
  EXPECT_THAT(Submit(planner, Request(1), kAlone - kRounding), StatusIs(kTooLate));
  now_ += kTick;
  EXPECT_OK(Submit(planner, Request(1), kAlone - kRounding));
}

TEST_P(PlannerTest, WhatIsTriedSoLeavesAtItsDeadlineAndNotBefore) {
  Planner planner = MakePlanner(KnownDevice());
  ASSERT_FALSE(Submit(planner, Request(2), -kTick).ok());
  now_ += absl::Seconds(31);
  const absl::Time deadline = now_ + absl::Milliseconds(5);
  ASSERT_OK(Submit(planner, Request(1, 1, /*steps=*/9), deadline - now_));
  EXPECT_EQ(Advance(planner).action, Action::kStart);
  now_ = deadline - kTick;
  EXPECT_EQ(Advance(planner).action, Action::kStep);
  now_ = deadline;
  const Decision decision = Advance(planner);
  EXPECT_EQ(decision.action, Action::kDrop);
  EXPECT_THAT(decision.rows, ElementsAre(1));
  EXPECT_THAT(decision.reason, StatusIs(kTooLate));
}

TEST_P(PlannerTest, DoubtsAreBySize) {
  constexpr absl::Duration kCall = absl::Milliseconds(10);
  Planner planner = MakePlanner(KnownDevice());
  BatchRequest large = Request(1);
  large.key = {1000, 1000};  // By its area, far slower than it is.
  EXPECT_THAT(Submit(planner, large, absl::Seconds(1)), StatusIs(kTooLate));
  for (RowId id = 2; id < 10; ++id) {  // Others keep the device busy.
    ASSERT_OK(Submit(planner, Request(id)));
    Finish(planner, kCall);
    now_ += absl::Seconds(5);
  }
  ASSERT_OK(Submit(planner, large, absl::Seconds(1)));
  BatchRequest second = large;
  second.rows[0].id = 11;
  EXPECT_THAT(Submit(planner, second, absl::Seconds(1)), StatusIs(kTooLate));
  Finish(planner, kCall);
  EXPECT_OK(Submit(planner, second, absl::Seconds(1)));
}

TEST_P(PlannerTest, WhoSeemedLateIsNotWhenTheDeviceTurnsOutToBeFaster) {
  Planner planner = MakePlanner(KnownDevice());
  ASSERT_OK(Submit(planner, Request(1, 1, /*steps=*/100), absl::Milliseconds(1300)));  // Of 1210.
  BatchRequest first = Request(2, 1, /*steps=*/400);
  first.priority = Priority::kHigh;
  ASSERT_OK(Submit(planner, first));
  for (const auto& [action, rows] : Finish(planner, /*took=*/absl::Milliseconds(1))) {
    EXPECT_NE(action, Action::kDrop);
  }
}

TEST_P(PlannerTest, WhatATenantHasInTheHouseCountsForItsNextRequest) {
  Planner planner = MakePlanner(KnownDevice());
  for (const RowId row : {1, 2, 3}) {
    BatchRequest request = Request(row);
    request.tenant = row < 3 ? "a" : "b";
    ASSERT_OK(planner.Submit(now_, request));
  }
  EXPECT_EQ(planner.rows().OwnerOf(1).tenant_work, 0);
  EXPECT_NEAR(planner.rows().OwnerOf(2).tenant_work, absl::ToDoubleSeconds(kAlone), 1e-9);
  EXPECT_EQ(planner.rows().OwnerOf(3).tenant_work, 0);
}

TEST_P(PlannerTest, CallsTeachWhatLaterRequestsWillTake) {
  Planner planner = MakePlanner({});
  EXPECT_EQ(planner.Predict(now_, Request(9, 1, 10)), absl::ZeroDuration());
  ASSERT_OK(planner.Submit(now_, Request(1)));
  Finish(planner, absl::Seconds(1));
  const absl::Duration learned = planner.Predict(now_, Request(9, 1, 10));
  EXPECT_LT(absl::AbsDuration(learned - absl::Seconds(12)), kRounding);
  ASSERT_OK(planner.Submit(now_, Request(2)));
  Finish(planner, absl::Seconds(1.3));
  EXPECT_GT(planner.Predict(now_, Request(9, 1, 10)), learned + absl::Seconds(1));
}

TEST_P(PlannerTest, ForAMinuteCallsHaveHalfTheRowsThatFoundNoMemory) {
  for (const Action kind : {Action::kStart, Action::kStep, Action::kFinish}) {
    Planner planner = MakePlanner({}, 4);
    ASSERT_OK(Submit(planner, Request(1, 4)));
    const std::vector<RowId> rows = AdvanceTo(kind, planner);
    ASSERT_THAT(rows, SizeIs(4));
    planner.OnOutOfMemory(KindOf(kind), rows, now_);
    for (const RowId row : rows) planner.OnEnd(row, now_);
    now_ += absl::Minutes(1) - kTick;
    ASSERT_OK(Submit(planner, Request(11, 4)));
    EXPECT_THAT(AdvanceTo(kind, planner), SizeIs(2));
    for (const RowId row : {11, 12, 13, 14}) planner.OnEnd(row, now_);
    now_ += kTick;
    ASSERT_OK(Submit(planner, Request(21, 4)));
    EXPECT_THAT(AdvanceTo(kind, planner), SizeIs(4));
  }
}

TEST_P(PlannerTest, RoomIsPromisedAtThePaceAtWhichRowsEnd) {
  Planner planner = MakePlanner({});
  EXPECT_EQ(planner.RetryDelay(3), absl::Seconds(1));
  for (const RowId first : {1, 11}) {  // In between is nobody, and so no pace.
    ASSERT_OK(planner.Submit(now_, Request(first, 3)));
    for (RowId row = first; row < first + 3; ++row) planner.OnEnd(row, now_ += absl::Seconds(2));
    EXPECT_EQ(planner.RetryDelay(1), absl::Seconds(2));
    EXPECT_EQ(planner.RetryDelay(3), absl::Seconds(6));
    now_ += absl::Hours(1);
  }
}

TEST_P(PlannerTest, WhatIsPredictedToEndLaterGoesBeyondAndIsTheNewest) {
  Planner planner = MakePlanner(KnownDevice());
  for (const RowId row : {1, 2, 3, 4}) {
    ASSERT_OK(Submit(planner, Request(row)));
    now_ += kTick;
  }
  EXPECT_THAT(planner.RowsBeyond(now_, now_), SizeIs(4));
  for (const RowId last : {1, 2, 3, 4}) {
    const absl::Time end = now_ + planner.PlaceOf(now_, last)->wait + kRounding;
    std::vector<RowId> later;
    for (RowId row = last + 1; row <= 4; ++row) later.push_back(row);
    EXPECT_EQ(planner.RowsBeyond(now_, end), later);
  }
  EXPECT_EQ(AdvanceTo(Action::kStep, planner), std::vector<RowId>{1});
  EXPECT_THAT(planner.RowsBeyond(now_, now_), ElementsAre(2, 3, 4));  // The first has started.
}

TEST_P(PlannerTest, EveryRowThatWasTakenHasItsCallsInOrderAndEndsOnce) {
  SeededRandom random;
  const auto draw = [&random](size_t low, size_t high) {
    return static_cast<int>(random.Between(low, high));
  };
  Planner planner = MakePlanner({}, draw(1, 8));
  std::map<RowId, std::vector<Action>> expected, history;
  std::set<RowId> may_leave;  // Requests that are cancelled or have a deadline.
  const auto advance = [&] {
    const bool is_empty = planner.rows().rows() == 0;
    const Decision decision = Advance(planner, absl::Milliseconds(draw(1, 5)));
    for (const RowId row : decision.rows) history[row].push_back(decision.action);
    if (decision.action != Action::kWait) return;
    EXPECT_GT(decision.wake, now_);
    EXPECT_EQ(decision.wake == absl::InfiniteFuture(), is_empty);
    now_ += absl::Milliseconds(draw(1, 20));
  };
  for (RowId id = 0; id < 5000; id += 10) {
    BatchRequest request = Request(id, draw(1, 4), draw(0, 5));
    request.key.height = draw(1, 2);
    request.priority = static_cast<Priority>(draw(0, 2));
    request.tenant = std::string(random.Between(0, 2), 'a');
    const bool is_hurried = draw(0, 2) == 0, is_cancelled = draw(0, 9) == 0;
    if (is_hurried || is_cancelled) may_leave.insert(id);
    const auto patience = is_hurried ? absl::Milliseconds(draw(0, 90)) : absl::InfiniteDuration();
    if (Submit(planner, request, patience).ok()) {
      std::vector<Action> calls(static_cast<size_t>(request.rows[0].steps), Action::kStep);
      calls.insert(calls.begin(), Action::kStart);
      calls.push_back(Action::kFinish);
      for (const Row& row : request.rows) expected[row.id] = calls;
    }
    for (int calls = draw(0, 8); calls > 0; --calls) advance();
    if (is_cancelled) planner.Cancel(id);
  }
  planner.Drain();
  for (int calls = 0; calls < 1000 && planner.rows().rows() > 0; ++calls) advance();
  EXPECT_EQ(planner.rows().rows(), 0u);
  EXPECT_EQ(history.size(), expected.size());
  for (auto& [row, calls] : expected) {
    if (may_leave.contains(row / 10 * 10) && history[row] != calls) {
      calls.resize(std::clamp<size_t>(history[row].size(), 1, calls.size()) - 1);
      calls.push_back(Action::kDrop);
    }
    EXPECT_EQ(history[row], calls) << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PlannerTest,
                         testing::Values(BatchingMode::kStatic, BatchingMode::kContinuous),
                         [](const auto& test) {
                           return test.param == BatchingMode::kStatic ? "Static" : "Continuous";
                         });

}  // namespace
}  // namespace darkroom
