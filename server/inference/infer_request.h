#ifndef DARKROOM_SERVER_INFERENCE_INFER_REQUEST_H_
#define DARKROOM_SERVER_INFERENCE_INFER_REQUEST_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "darkroom/v1/image_generation.pb.h"
#include "inference/grpc_service.pb.h"
#include "model/image_generator.h"
#include "server/inference/tensors.h"

namespace darkroom {

// What a ModelInfer call asks for, in the service's own words.
struct InferCall {
  // One image each. They share the call's priority and, where its id can be one, its request_id.
  // Their fields are not held to their rules yet: ParseRequest does that.
  std::vector<v1::GenerateImagesRequest> rows;
  // From the call's arrival to its answer; beside gRPC's own deadline.
  absl::Duration timeout = absl::InfiniteDuration();
  std::vector<InferOutput> outputs;  // In the order of the response; each at most once.
};

// Reads the call's tensors and parameters. INVALID_ARGUMENT names every field that breaks a rule of
// the protocol; contents are looked at once names, datatypes and shapes are right. NOT_FOUND when
// the model or its version is not ours.
//
// Every input is [N, 1], with the same N from 1 to `max_rows`. A parameter `priority` of 1 is high,
// 2 normal, 3 low, any other whole number the default; `timeout` is in microseconds, and 0 is none.
// Other parameters are ignored. Thread-safe.
absl::StatusOr<InferCall> ParseInferRequest(const inference::ModelInferRequest& request,
                                            const ModelInfo& model, size_t max_rows);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_INFER_REQUEST_H_
