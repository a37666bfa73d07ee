#include "bench/simulate/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Rows of one step on one device, whose calls are told to the checker one by one.
class CheckerTest : public testing::Test {
 protected:
  void Submit(RowId id) {
    Caller caller = {
        .request = {.rows = {{.id = id, .steps = 1}}, .key = kLarge, .pixels = 1 << 20},
        .arrival = now_};
    caller.request.tenant = std::to_string(id);
    checker_.OnSubmit(0, caller, absl::OkStatus());
  }

  void Make(RowId id) {
    for (const CallKind kind : {CallKind::kStart, CallKind::kStep, CallKind::kFinish}) {
      checker_.OnCall(0, kind, std::vector{id}, now_, /*is_retry=*/false);
      const absl::Time begin = now_;
      now_ += absl::Seconds(device_.times.Of(kind, kLarge, kind == CallKind::kStep ? 2 : 1));
      checker_.OnReturn(0, kind, std::vector{id}, begin, now_, absl::OkStatus());
    }
    checker_.OnEnd(0, id, now_, absl::OkStatus());
  }

  const Device device_;
  Checker checker_{{.window = absl::ZeroDuration()}, device_, /*knows_costs=*/true};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(CheckerTest, WhatIsMadeInOrderBreaksNoPromise) {
  for (RowId id = 1; id <= 20; ++id) Submit(id);
  for (RowId id = 1; id <= 20; ++id) Make(id);
  checker_.Finish();
  EXPECT_THAT(checker_.violations(), IsEmpty());
}

TEST_F(CheckerTest, WhoeverIsOvertakenByAllThatComeStarves) {
  Submit(1);
  for (RowId id = 2; id <= 50; ++id) {
    Submit(id);
    Make(id);
  }
  EXPECT_THAT(checker_.violations(), Not(Contains(HasSubstr("nobody starves"))));
  Make(1);
  EXPECT_THAT(checker_.violations(), Contains(HasSubstr("nobody starves (row 1)")));
}

TEST_F(CheckerTest, ARowWithoutAnAnswerIsMissed) {
  Submit(1);
  checker_.Finish();
  EXPECT_THAT(checker_.violations(), Contains(HasSubstr("every row is answered")));
}

}  // namespace
}  // namespace darkroom::sim
