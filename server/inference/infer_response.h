#ifndef DARKROOM_SERVER_INFERENCE_INFER_RESPONSE_H_
#define DARKROOM_SERVER_INFERENCE_INFER_RESPONSE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "inference/grpc_service.pb.h"
#include "server/inference/tensors.h"

namespace darkroom {

// What a row of a ModelInfer call became.
struct InferredImage {
  std::string_view file;
  uint64_t seed = 0;
};

// Answers the request with one image for each of its rows, in order, as the raw contents of these
// outputs. The response is empty before.
void FillInferResponse(const inference::ModelInferRequest& request,
                       std::span<const InferOutput> outputs, std::span<const InferredImage> images,
                       inference::ModelInferResponse& response);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_INFER_RESPONSE_H_
