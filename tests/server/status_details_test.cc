#include "server/status_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr size_t kLimit = 2048;

// A caller's view of an error. Parsing refuses strings that are not UTF-8.
struct Received {
  explicit Received(const grpc::Status& status)
      : bytes(status.error_message().size() + status.error_details().size()) {
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.code(), status.error_code());
    EXPECT_EQ(details.message(), status.error_message());
    for (const auto& detail : details.details()) {
      const bool known = detail.UnpackTo(&info) || detail.UnpackTo(&retry) ||
                         detail.UnpackTo(&quota) || detail.UnpackTo(&bad_request);
      EXPECT_TRUE(known) << detail.type_url();
    }
    EXPECT_EQ(info.domain(), "darkroom");
  }

  size_t bytes;
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  google::rpc::QuotaFailure quota;
  google::rpc::BadRequest bad_request;
};

// Code points of one to four bytes.
std::string DrawText(SeededRandom& random, size_t max_letters) {
  constexpr const char* kLetters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  std::string text;
  for (size_t left = random.Between(0, max_letters); left > 0; --left) {
    text += kLetters[random.Between(0, 3)];
  }
  return text;
}

TEST(StatusDetailsTest, AnyViolationsFitAndAreAPrefixOfThoseFound) {
  SeededRandom random;
  for (int round = 0; round < 1000; ++round) {
    const size_t letters = size_t{1} << random.Between(0, 10);
    std::vector<FieldViolation> violations(random.Between(1, 40));
    for (FieldViolation& violation : violations) {
      violation = {.field = DrawText(random, letters), .description = DrawText(random, letters)};
    }
    absl::Status status = InvalidRequest(violations);
    if (round % 2 == 0) status = WithRetry(std::move(status), absl::Seconds(1));
    const Received received(ToGrpcStatus(status));
    EXPECT_LE(received.bytes, kLimit);
    ASSERT_LE(received.bad_request.field_violations_size(), 16);
    for (int i = 0; i < received.bad_request.field_violations_size(); ++i) {
      const auto& kept = received.bad_request.field_violations(i);
      const FieldViolation& given = violations[static_cast<size_t>(i)];
      EXPECT_TRUE(absl::StartsWith(given.field, kept.field()));
      EXPECT_TRUE(absl::StartsWith(given.description, kept.description()));
    }
  }
}

TEST(StatusDetailsTest, AnyMessageOfAnyErrorFitsAndIsAPrefixOfItself) {
  SeededRandom random;
  for (int round = 0; round < 1000; ++round) {
    const auto code = static_cast<absl::StatusCode>(random.Between(1, 16));
    const std::string message = DrawText(random, size_t{1} << random.Between(0, 12));
    const grpc::Status status = ToGrpcStatus(absl::Status(code, message));
    EXPECT_LE(Received(status).bytes, kLimit);
    EXPECT_EQ(static_cast<int>(status.error_code()), static_cast<int>(code));
    EXPECT_TRUE(absl::StartsWith(message, status.error_message()));
  }
}

TEST(StatusDetailsTest, TheFirstSixteenShortViolationsAllArrive) {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < 40; ++i) violations.push_back({absl::StrCat("field_", i), "is wrong"});
  const Received received(ToGrpcStatus(InvalidRequest(violations)));
  ASSERT_EQ(received.bad_request.field_violations_size(), 16);
  EXPECT_EQ(received.bad_request.field_violations(15).field(), "field_15");
  EXPECT_EQ(received.bad_request.field_violations(15).description(), "is wrong");
}

TEST(StatusDetailsTest, TheReasonIsTheViolationsOwnWhenTheyShareIt) {
  const FieldViolation not_built{"clip_skip", "is set", kReasonNotBuilt};
  const FieldViolation too_long{"prompt", "is long", kReasonPromptTooLong};
  EXPECT_EQ(ReasonOf(InvalidRequest({{"width", "is odd"}})), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(InvalidRequest({not_built, not_built})), "NOT_BUILT");
  EXPECT_EQ(ReasonOf(InvalidRequest({too_long})), "PROMPT_TOO_LONG");
  EXPECT_EQ(ReasonOf(InvalidRequest({not_built, too_long})), "INVALID_FIELD");
  // Also when the odd one is among those that are not sent.
  std::vector<FieldViolation> many(20, not_built);
  many.push_back(too_long);
  EXPECT_EQ(ReasonOf(InvalidRequest(many)), "INVALID_FIELD");
}

TEST(StatusDetailsTest, AStatusWithoutAReasonHasItsCodes) {
  const std::pair<absl::Status, const char*> cases[] = {
      {absl::InvalidArgumentError("x"), "INVALID_FIELD"},
      {absl::ResourceExhaustedError("x"), "QUEUE_FULL"},
      {absl::DeadlineExceededError("x"), "DEADLINE_EXCEEDED"},
      {absl::CancelledError("x"), "CANCELLED"},
      {absl::UnavailableError("x"), "DRAINING"},
      {absl::InternalError("x"), "INTERNAL"},
      {absl::UnknownError("x"), "INTERNAL"}};
  for (const auto& [status, reason] : cases) {
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(Received(ToGrpcStatus(status)).info.reason(), reason) << status;
  }
  EXPECT_EQ(ReasonOf(WithReason(absl::NotFoundError("x"), kReasonModelNotFound)),
            "MODEL_NOT_FOUND");
}

TEST(StatusDetailsTest, AdviceToRetrySurvivesReasonAndViolations) {
  const absl::Duration delay = absl::Milliseconds(2500);
  const std::vector<FieldViolation> huge(16, {std::string(64, 'f'), std::string(160, 'd')});
  const absl::Status status =
      WithReason(WithRetry(InvalidRequest(huge), delay), kReasonDeviceOutOfMemory);
  EXPECT_EQ(RetryDelay(status), delay);
  const Received received(ToGrpcStatus(status));
  EXPECT_EQ(received.retry.retry_delay().seconds(), 2);
  EXPECT_EQ(received.retry.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(received.info.reason(), "DEVICE_OUT_OF_MEMORY");
  EXPECT_EQ(RetryDelay(absl::UnavailableError("x")), absl::ZeroDuration());
}

TEST(StatusDetailsTest, AnyQuotaFailureFitsBesideTheRest) {
  const absl::Status full = absl::ResourceExhaustedError(std::string(5000, 'm'));
  const Received received(ToGrpcStatus(
      WithRetry(WithReason(WithQuotaFailure(full, std::string(5000, 't')), kReasonTenantQueueFull),
                absl::Seconds(1))));
  EXPECT_LE(received.bytes, 2048u);
  ASSERT_EQ(received.quota.violations_size(), 1);
  EXPECT_EQ(received.quota.violations(0).subject(), std::string(64, 't'));
  EXPECT_EQ(received.retry.retry_delay().seconds(), 1);
  EXPECT_EQ(received.info.reason(), "TENANT_QUEUE_FULL");
}

TEST(StatusDetailsTest, OkStaysOkAndSaysNothing) {
  const grpc::Status status = ToGrpcStatus(absl::OkStatus());
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.error_message() + status.error_details(), "");
}

TEST(StatusDetailsTest, TextIsCutBetweenCodePointsAndNoSoonerThanNeeded) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";  // Of 1, 2, 3 and 4 bytes.
  const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t bytes = 0; bytes < std::size(kept); ++bytes) {
    EXPECT_EQ(Shortened(text, bytes), text.substr(0, kept[bytes])) << bytes;
  }
}

}  // namespace
}  // namespace darkroom
