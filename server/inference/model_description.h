#ifndef DARKROOM_SERVER_INFERENCE_MODEL_DESCRIPTION_H_
#define DARKROOM_SERVER_INFERENCE_MODEL_DESCRIPTION_H_

#include <string>

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"
#include "model/image_generator.h"

namespace darkroom {

// A model has one version, for its id names its weights.
inline constexpr char kModelVersion[] = "1";

// What `priority` may be: 1 (high) to 3 (low). As in Triton, all else is the default.
inline constexpr uint64_t kPriorityLevels = 3;
inline constexpr uint64_t kDefaultPriorityLevel = 2;

// NOT_FOUND unless the model is ours and the version is its own or empty.
absl::Status CheckModelVersion(const std::string& name, const std::string& version,
                               const ModelInfo& model);

inference::ServerMetadataResponse DescribeServer();
inference::ModelMetadataResponse DescribeModel(const ModelInfo& model);
// A request has at most `max_batch_size` rows.
inference::ModelConfigResponse DescribeModelConfig(const ModelInfo& model, int max_batch_size);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_MODEL_DESCRIPTION_H_
