#ifndef DARKROOM_SERVER_INFERENCE_INFER_PARAMETERS_H_
#define DARKROOM_SERVER_INFERENCE_INFER_PARAMETERS_H_

#include "absl/time/time.h"
#include "darkroom/v1/image_generation.pb.h"
#include "inference/grpc_service.pb.h"
#include "server/request_checks.h"

namespace darkroom {

// The protocol's schedule_policy extension.
struct SchedulePolicy {
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;  // The default.
  absl::Duration timeout = absl::InfiniteDuration();
};

// Reads the parameters `priority` and `timeout`, whole numbers of whichever type; all others are
// ignored.
SchedulePolicy ReadSchedulePolicy(const inference::ModelInferRequest& request,
                                  RequestChecks& checks);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_INFER_PARAMETERS_H_
