#include "batcher/admitted_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

constexpr double kRounding = 1e-9;
constexpr BatchKey kKey = {8, 8};
constexpr OrderWeights kWeights = {.own_work = 2, .tenant_work = 1, .priority = 10};
const absl::Time kNow = absl::FromUnixSeconds(1000);
const absl::Time kDeadline = kNow + absl::Seconds(100);

// A first call takes 5 s, a pass of n samples 1 + n s, a last call 3 s.
CostModel KnownCosts() {
  CostModel costs;
  costs.Observe(CallKind::kStart, kKey, 1, 5);
  for (const int samples : {1, 2, 16}) costs.Observe(CallKind::kStep, kKey, samples, 1 + samples);
  costs.Observe(CallKind::kFinish, kKey, 1, 3);
  return costs;
}

// Alone: 5 + 10 x 3 + 3 s with guidance, 5 + 4 x 2 + 3 s without.
AdmittedRequest Admit(Priority priority = Priority::kNormal,
                      const CostModel& costs = KnownCosts()) {
  const BatchRequest request = {
      .rows = {{.id = 7, .steps = 10, .samples = 2}, {.id = 8, .steps = 4, .samples = 1}},
      .key = kKey,
      .priority = priority,
      .deadline = kDeadline};
  return AdmittedRequest(request, kNow, /*tenant_work=*/20, costs);
}

MATCHER_P(IsTime, expected, "") {
  return absl::AbsDuration(arg - expected) < absl::Microseconds(1);
}

TEST(AdmittedRowTest, AloneTakesItsFirstCallItsStepsAndItsLastCall) {
  AdmittedRow row = {.steps_left = 10,
                     .costs = {.start = 5, .step = 2, .step_fixed = 1, .finish = 3}};
  EXPECT_EQ(row.Solo(), 28);
  row.started = true;
  EXPECT_EQ(row.Solo(), 23);
  row.steps_left = 4;
  EXPECT_EQ(row.Solo(), 11);
  row.steps_left = 0;
  EXPECT_EQ(row.Solo(), 3);
}

TEST(AdmittedRequestTest, IsWhatWasAskedForAndHasWaitedForNothingYet) {
  const BatchRequest request = {.rows = {{.id = 7, .steps = 3, .samples = 1}, {.id = 5}},
                                .key = {4, 6},
                                .pixels = 99,
                                .priority = Priority::kLow,
                                .tenant = "somebody",
                                .deadline = kDeadline};
  const AdmittedRequest admitted(request, kNow, 20, CostModel());
  EXPECT_EQ(admitted.id, 7u);
  EXPECT_EQ(admitted.key, request.key);
  EXPECT_EQ(admitted.pixels, 99);
  EXPECT_EQ(admitted.priority, Priority::kLow);
  EXPECT_EQ(admitted.tenant, "somebody");
  EXPECT_EQ(admitted.arrival, kNow);
  EXPECT_EQ(admitted.deadline, kDeadline);
  EXPECT_THAT(admitted.rows, ElementsAre(Field(&AdmittedRow::id, 7u), Field(&AdmittedRow::id, 5u)));
  EXPECT_EQ(admitted.rows[0].steps_left, 3);
  EXPECT_EQ(admitted.rows[0].samples, 1);
  EXPECT_FALSE(admitted.rows[0].started || admitted.cancelled || admitted.is_probe);
}

TEST(AdmittedRequestTest, ItsWorkIsThatOfItsRowsAlone) {
  const AdmittedRequest admitted = Admit();
  EXPECT_NEAR(admitted.rows[0].Solo(), 38, kRounding);
  EXPECT_NEAR(admitted.rows[1].Solo(), 16, kRounding);
  EXPECT_NEAR(admitted.own_work, 54, kRounding);
}

TEST(AdmittedRequestTest, OfAStepAllButWhatGrowsWithSamplesIsShared) {
  for (const AdmittedRow& row : Admit().rows) EXPECT_NEAR(row.costs.step_fixed, 1, kRounding);
}

TEST(AdmittedRequestTest, EverythingCostsNothingAsLongAsNothingIsKnown) {
  const AdmittedRequest admitted = Admit(Priority::kNormal, CostModel());
  EXPECT_EQ(admitted.own_work, 0);
  EXPECT_EQ(admitted.Latest(), kDeadline);
}

TEST(AdmittedRequestTest, IsDueAfterItsArrivalByItsOwnWorkTwiceAndItsTenantsOnce) {
  EXPECT_NEAR(Admit().Due(kWeights), 1000 + 2 * 54 + 20, kRounding);
  EXPECT_NEAR(Admit().Due({.own_work = 2}), 1000 + 2 * 54, kRounding);
  EXPECT_NEAR(Admit().Due({.tenant_work = 3}), 1000 + 3 * 20, kRounding);
  EXPECT_EQ(Admit().Due({}), 1000);
}

TEST(AdmittedRequestTest, HighGainsWhatLowLoses) {
  const double normal = Admit().Due(kWeights);
  EXPECT_NEAR(Admit(Priority::kHigh).Due(kWeights), normal - 10, kRounding);
  EXPECT_NEAR(Admit(Priority::kLow).Due(kWeights), normal + 10, kRounding);
}

TEST(AdmittedRequestTest, WorkThatIsDoneBringsItForward) {
  AdmittedRequest admitted = Admit();
  const double due = admitted.Due(kWeights);
  admitted.own_work -= 8;
  EXPECT_NEAR(admitted.Due(kWeights), due - 16, kRounding);
}

TEST(AdmittedRequestTest, ARowIsLateOnceItCouldNotBeDoneAloneByTheDeadline) {
  AdmittedRequest admitted = Admit();
  EXPECT_THAT(admitted.Latest(admitted.rows[0]), IsTime(kDeadline - absl::Seconds(38)));
  EXPECT_THAT(admitted.Latest(admitted.rows[1]), IsTime(kDeadline - absl::Seconds(16)));
  admitted.rows[0].started = true;
  admitted.rows[0].steps_left = 6;
  EXPECT_THAT(admitted.Latest(admitted.rows[0]), IsTime(kDeadline - absl::Seconds(21)));
}

TEST(AdmittedRequestTest, IsLateWithTheFirstOfItsRowsThatAre) {
  AdmittedRequest admitted = Admit();
  EXPECT_EQ(admitted.Latest(), admitted.Latest(admitted.rows[0]));
  admitted.rows.erase(admitted.rows.begin());
  EXPECT_EQ(admitted.Latest(), admitted.Latest(admitted.rows[0]));
}

TEST(AdmittedRequestTest, AProbeIsLateAtItsDeadlineAlone) {
  AdmittedRequest admitted = Admit();
  admitted.is_probe = true;
  for (const AdmittedRow& row : admitted.rows) EXPECT_EQ(admitted.Latest(row), kDeadline);
  EXPECT_EQ(admitted.Latest(), kDeadline);
}

TEST(AdmittedRequestTest, WithoutADeadlineIsNeverLate) {
  AdmittedRequest admitted = Admit();
  admitted.deadline = absl::InfiniteFuture();
  for (const bool is_probe : {false, true}) {
    admitted.is_probe = is_probe;
    EXPECT_EQ(admitted.Latest(admitted.rows[0]), absl::InfiniteFuture());
    EXPECT_EQ(admitted.Latest(), absl::InfiniteFuture());
  }
}

// Else a place in the order could fall, and requests that were let in could become late by it.
TEST(AdmittedRequestTest, WhatIsLearnedLaterChangesOnlyThoseWhoComeLater) {
  SeededRandom random;
  CostModel costs = KnownCosts();
  const AdmittedRequest admitted = Admit(Priority::kNormal, costs);
  const double due = admitted.Due(kWeights);
  const absl::Time latest = admitted.Latest();
  for (int i = 0; i < 1000; ++i) {
    const auto kind = static_cast<CallKind>(random.Between(0, 2));
    const int size = static_cast<int>(random.Between(1, 16));
    costs.Observe(kind, kKey, size, static_cast<double>(random.Between(100, 1000)));
  }
  EXPECT_EQ(admitted.Due(kWeights), due);
  EXPECT_EQ(admitted.Latest(), latest);
  EXPECT_GT(Admit(Priority::kNormal, costs).Due(kWeights), due + 100);
}

}  // namespace
}  // namespace darkroom
