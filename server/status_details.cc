#include "server/status_details.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/proto_duration.h"

namespace darkroom {
namespace {

constexpr char kDomain[] = "darkroom";
constexpr size_t kMaxViolations = 16;
constexpr size_t kMaxMessageBytes = 400;
constexpr size_t kMaxFieldBytes = 64;
constexpr size_t kMaxDescriptionBytes = 160;
constexpr size_t kMaxDetailsBytes = 1400;  // With the message, which comes twice, below 2 KiB.

template <typename Message>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/", Message::descriptor()->full_name());
}

template <typename Message>
std::optional<Message> Detail(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl<Message>());
  Message message;
  if (!payload || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

template <typename Message>
void SetDetail(absl::Status& status, const Message& message) {
  status.SetPayload(TypeUrl<Message>(), absl::Cord(message.SerializeAsString()));
}

const char* DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument: return kReasonInvalidField;
    case absl::StatusCode::kResourceExhausted: return kReasonQueueFull;
    case absl::StatusCode::kDeadlineExceeded: return kReasonDeadlineExceeded;
    case absl::StatusCode::kCancelled: return kReasonCancelled;
    case absl::StatusCode::kUnavailable: return kReasonDraining;
    case absl::StatusCode::kUnauthenticated: return kReasonUnauthenticated;
    case absl::StatusCode::kAlreadyExists: return kReasonRequestInFlight;
    default: return kReasonInternal;
  }
}

// Leaves violations out from the end until the details fit.
void AddBadRequest(google::rpc::BadRequest bad_request, google::rpc::Status& details) {
  auto& violations = *bad_request.mutable_field_violations();
  while (!violations.empty() &&
         details.ByteSizeLong() + bad_request.ByteSizeLong() > kMaxDetailsBytes) {
    violations.RemoveLast();
  }
  details.add_details()->PackFrom(bad_request);
}

}  // namespace

std::string Shortened(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  const auto continues = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; };
  while (bytes > 0 && continues(text[bytes])) --bytes;
  return std::string(text.substr(0, bytes));
}

absl::Status InvalidRequest(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest bad_request;
  std::string message;
  std::string reason = violations.front().reason;
  for (const FieldViolation& violation : violations) {
    if (violation.reason != reason) reason = kReasonInvalidField;
    if (static_cast<size_t>(bad_request.field_violations_size()) == kMaxViolations) continue;
    absl::StrAppend(&message, message.empty() ? "" : "; ", violation.field, " ",
                    violation.description);
    auto* field = bad_request.add_field_violations();
    field->set_field(Shortened(violation.field, kMaxFieldBytes));
    field->set_description(Shortened(violation.description, kMaxDescriptionBytes));
  }
  absl::Status status = absl::InvalidArgumentError(message);
  SetDetail(status, bad_request);
  return WithReason(std::move(status), reason);
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(std::string(reason));
  SetDetail(status, info);
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo retry;
  SetDuration(delay, retry.mutable_retry_delay());
  SetDetail(status, retry);
  return status;
}

absl::Status WithQuotaFailure(absl::Status status, std::string_view subject) {
  google::rpc::QuotaFailure failure;
  auto& violation = *failure.add_violations();
  violation.set_subject(Shortened(subject, kMaxFieldBytes));
  const absl::string_view message = status.message();
  violation.set_description(Shortened({message.data(), message.size()}, kMaxDescriptionBytes));
  SetDetail(status, failure);
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const std::optional<google::rpc::ErrorInfo> info = Detail<google::rpc::ErrorInfo>(status);
  return info ? info->reason() : DefaultReason(status.code());
}

absl::Duration RetryDelay(const absl::Status& status) {
  const std::optional<google::rpc::RetryInfo> retry = Detail<google::rpc::RetryInfo>(status);
  if (!retry) return absl::ZeroDuration();
  return ToDuration(retry->retry_delay());
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::string_view text = status.message();
  const std::string message = Shortened({text.data(), text.size()}, kMaxMessageBytes);
  const absl::Status reasoned = WithReason(status, ReasonOf(status));
  google::rpc::Status details;
  details.set_code(status.raw_code());
  details.set_message(message);
  details.add_details()->PackFrom(*Detail<google::rpc::ErrorInfo>(reasoned));
  if (const auto retry = Detail<google::rpc::RetryInfo>(status)) {
    details.add_details()->PackFrom(*retry);
  }
  if (const auto quota = Detail<google::rpc::QuotaFailure>(status)) {
    details.add_details()->PackFrom(*quota);
  }
  if (const auto bad_request = Detail<google::rpc::BadRequest>(status)) {
    AddBadRequest(*bad_request, details);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), message,
                      details.SerializeAsString());
}

}  // namespace darkroom
