#ifndef DARKROOM_SERVER_STATUS_DETAILS_H_
#define DARKROOM_SERVER_STATUS_DETAILS_H_

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace darkroom {

// Why an error happened, for programs: the reason of google.rpc.ErrorInfo in the domain "darkroom".
// docs/api.md lists them.
inline constexpr char kReasonInvalidField[] = "INVALID_FIELD";
inline constexpr char kReasonPromptTooLong[] = "PROMPT_TOO_LONG";
inline constexpr char kReasonImageDecode[] = "IMAGE_DECODE";
inline constexpr char kReasonNotBuilt[] = "NOT_BUILT";
inline constexpr char kReasonModelNotFound[] = "MODEL_NOT_FOUND";
inline constexpr char kReasonQueueFull[] = "QUEUE_FULL";
inline constexpr char kReasonTenantQueueFull[] = "TENANT_QUEUE_FULL";
inline constexpr char kReasonDeviceOutOfMemory[] = "DEVICE_OUT_OF_MEMORY";
inline constexpr char kReasonDeadlineExceeded[] = "DEADLINE_EXCEEDED";
inline constexpr char kReasonCancelled[] = "CANCELLED";
inline constexpr char kReasonDraining[] = "DRAINING";
inline constexpr char kReasonDeviceLost[] = "DEVICE_LOST";
inline constexpr char kReasonSlowReader[] = "SLOW_READER";
inline constexpr char kReasonRequestInFlight[] = "REQUEST_IN_FLIGHT";
inline constexpr char kReasonUnauthenticated[] = "UNAUTHENTICATED";
inline constexpr char kReasonPriorityNotAllowed[] = "PRIORITY_NOT_ALLOWED";
inline constexpr char kReasonPromptRefused[] = "PROMPT_REFUSED";
inline constexpr char kReasonNanOutput[] = "NAN_OUTPUT";
inline constexpr char kReasonInternal[] = "INTERNAL";

// A field of a request that breaks a rule.
struct FieldViolation {
  std::string field;  // Its path, as in "micro_conditioning.target_size".
  std::string description;
  std::string reason = kReasonInvalidField;
};

// INVALID_ARGUMENT with every violation, up to 16 of them, as google.rpc.BadRequest. The reason is
// the violations' own where they share one. `violations` is not empty.
absl::Status InvalidRequest(const std::vector<FieldViolation>& violations);

// The status with this reason for its ErrorInfo.
absl::Status WithReason(absl::Status status, std::string_view reason);

// The status with advice to try again after `delay`, as google.rpc.RetryInfo.
absl::Status WithRetry(absl::Status status, absl::Duration delay);

// The status with the quota that was used up, as google.rpc.QuotaFailure.
absl::Status WithQuotaFailure(absl::Status status, std::string_view subject);

// What a caller gets: code, message and details of a status, OK included. Statuses without a reason
// get their code's. Message and details together stay below 2 KiB, for a larger error breaks the
// whole HTTP/2 connection.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The reason that ToGrpcStatus gives.
std::string ReasonOf(const absl::Status& status);

// The delay that WithRetry put into the status; zero when there is none.
absl::Duration RetryDelay(const absl::Status& status);

// At most `bytes` bytes of UTF-8 text, cut between code points.
std::string Shortened(std::string_view text, size_t bytes);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_STATUS_DETAILS_H_
