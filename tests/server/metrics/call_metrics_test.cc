#include "server/metrics/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/status_details.h"
#include "tests/server/metrics/samples.h"

namespace darkroom {
namespace {

class CallMetricsTest : public testing::Test {
 protected:
  // What changed, without the family that only says how many calls live.
  Samples ChangesAfter(Method method, const absl::Status& answer) {
    const Samples before = SamplesOf(registry_);
    metrics_.OnCallStarted();
    metrics_.OnCallEnded(method, answer, absl::Seconds(1));
    return ChangesSince(before, registry_);
  }

  prometheus::Registry registry_;
  CallMetrics metrics_{registry_};
};

struct Answer {
  absl::Status status;
  std::string code, outcome, rejection;  // No rejection: empty.
};

class AnswerTest : public CallMetricsTest, public testing::WithParamInterface<Answer> {};

TEST_P(AnswerTest, CountsInItsCodeOutcomeAndRejectionAlone) {
  const auto& [status, code, outcome, rejection] = GetParam();
  for (const Method method : kMethods) {
    const std::string rpc = NameOf(method).rpc;
    Samples expected = {
        {absl::StrCat("darkroom_requests_total code=", code, " method=", rpc), 1},
        {absl::StrCat("darkroom_request_duration_seconds method=", rpc, " outcome=", outcome), 1}};
    if (!rejection.empty()) expected["darkroom_rejected_total reason=" + rejection] = 1;
    EXPECT_EQ(ChangesAfter(method, status), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, AnswerTest,
    testing::Values(
        Answer{absl::OkStatus(), "OK", "ok", ""},
        Answer{InvalidRequest({{"width", "is odd"}}), "INVALID_ARGUMENT", "error", "invalid"},
        Answer{WithReason(absl::NotFoundError("x"), kReasonModelNotFound), "NOT_FOUND", "error",
               "invalid"},
        Answer{absl::ResourceExhaustedError("x"), "RESOURCE_EXHAUSTED", "shed", "queue_full"},
        Answer{WithReason(absl::ResourceExhaustedError("x"), kReasonTenantQueueFull),
               "RESOURCE_EXHAUSTED", "shed", "tenant"},
        Answer{WithReason(absl::ResourceExhaustedError("memory"), kReasonDeviceOutOfMemory),
               "RESOURCE_EXHAUSTED", "shed", ""},
        Answer{absl::DeadlineExceededError("x"), "DEADLINE_EXCEEDED", "error", "deadline"},
        Answer{absl::CancelledError("x"), "CANCELLED", "cancelled", ""},
        Answer{absl::UnavailableError("x"), "UNAVAILABLE", "shed", "draining"},
        Answer{absl::AlreadyExistsError("x"), "ALREADY_EXISTS", "error", "in_flight"},
        Answer{absl::UnauthenticatedError("x"), "UNAUTHENTICATED", "error", "unauthenticated"},
        Answer{absl::PermissionDeniedError("x"), "PERMISSION_DENIED", "error", "not_allowed"},
        Answer{WithReason(absl::ResourceExhaustedError("x"), kReasonSlowReader),
               "RESOURCE_EXHAUSTED", "shed", ""},
        Answer{absl::InternalError("x"), "INTERNAL", "error", ""},
        Answer{absl::DataLossError("x"), "INTERNAL", "error", ""}),
    [](const auto& test) {
      return absl::StrCat(absl::StatusCodeToString(test.param.status.code()), test.index);
    });

TEST_F(CallMetricsTest, GaugesFollowWhatIsInFlight) {
  metrics_.OnCallStarted();
  metrics_.OnCallStarted();
  metrics_.OnGenerationStarted();
  EXPECT_EQ(SamplesOf(registry_).at("darkroom_live_calls"), 2);
  EXPECT_EQ(SamplesOf(registry_).at("darkroom_inflight_requests"), 1);
  metrics_.OnCallEnded(Method::kGenerateImages, absl::OkStatus(), absl::Seconds(1));
  metrics_.OnGenerationEnded();
  EXPECT_EQ(SamplesOf(registry_).at("darkroom_live_calls"), 1);
  EXPECT_EQ(SamplesOf(registry_).at("darkroom_inflight_requests"), 0);
}

}  // namespace
}  // namespace darkroom
