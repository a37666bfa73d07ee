#include "client/cpp/rpc_status.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace darkroom {
namespace {

// "field: description" of every violation that `message` does not already tell.
std::vector<std::string> UntoldViolations(const google::rpc::Status& details,
                                          const std::string& message) {
  std::vector<std::string> untold;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.Is<google::rpc::BadRequest>() || !detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations()) {
      const bool told = absl::StrContains(message, violation.field()) &&
                        absl::StrContains(message, violation.description());
      if (!told) untold.push_back(absl::StrCat(violation.field(), ": ", violation.description()));
    }
  }
  return untold;
}

}  // namespace

absl::Status FromRpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) details.Clear();

  std::string message = status.error_message();
  const std::vector<std::string> violations = UntoldViolations(details, message);
  if (!violations.empty()) {
    absl::StrAppend(&message, message.empty() ? "" : ": ", absl::StrJoin(violations, "; "));
  }
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), message);
  for (const google::protobuf::Any& detail : details.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

}  // namespace darkroom
