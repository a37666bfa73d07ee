#include "server/inference/model_description.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/inference/tensors.h"
#include "server/request_parser.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr char kServerName[] = "darkroom";
// Those that this server has: clients call what they find here.
constexpr const char* kExtensions[] = {"model_configuration", "schedule_policy", "statistics"};
constexpr int64_t kAnyBatchSize = -1;
constexpr int64_t kRowElements = 1;

void Describe(const TensorSpec& spec, inference::ModelMetadataResponse::TensorMetadata& tensor) {
  tensor.set_name(std::string(spec.name));
  tensor.set_datatype(std::string(spec.datatype));
  tensor.add_shape(kAnyBatchSize);
  tensor.add_shape(kRowElements);
}

}  // namespace

absl::Status CheckModelVersion(const std::string& name, const std::string& version,
                               const ModelInfo& model) {
  if (name != model.id) return NoSuchModel(name);
  if (version.empty() || version == kModelVersion) return absl::OkStatus();
  return WithReason(
      absl::NotFoundError(absl::StrCat("the model has no version \"", Shortened(version, 64),
                                       "\", but \"", kModelVersion, "\"")),
      kReasonModelNotFound);
}

inference::ServerMetadataResponse DescribeServer() {
  inference::ServerMetadataResponse response;
  response.set_name(kServerName);
  response.set_version(DARKROOM_VERSION);
  for (const char* extension : kExtensions) response.add_extensions(extension);
  return response;
}

inference::ModelMetadataResponse DescribeModel(const ModelInfo& model) {
  inference::ModelMetadataResponse response;
  response.set_name(model.id);
  response.mutable_versions()->Add(std::string(kModelVersion));
  response.set_platform(kServerName);
  for (const TensorSpec& spec : kInferInputs) Describe(spec, *response.add_inputs());
  for (const TensorSpec& spec : kInferOutputs) Describe(spec, *response.add_outputs());
  return response;
}

inference::ModelConfigResponse DescribeModelConfig(const ModelInfo& model, int max_batch_size) {
  inference::ModelConfigResponse response;
  inference::ModelConfig& config = *response.mutable_config();
  config.set_name(model.id);
  config.set_platform(kServerName);
  config.set_backend(kServerName);
  config.set_max_batch_size(max_batch_size);
  for (const TensorSpec& spec : kInferInputs) {
    inference::ModelInput& input = *config.add_input();
    input.set_name(std::string(spec.name));
    input.set_data_type(spec.type);
    input.add_dims(kRowElements);
    input.set_optional(spec.is_optional);
  }
  for (const TensorSpec& spec : kInferOutputs) {
    inference::ModelOutput& output = *config.add_output();
    output.set_name(std::string(spec.name));
    output.set_data_type(spec.type);
    output.add_dims(kRowElements);
  }
  inference::ModelInstanceGroup& group = *config.add_instance_group();
  group.set_count(1);
  group.set_kind(absl::StartsWith(model.device, "cuda") ? inference::ModelInstanceGroup::KIND_GPU
                                                        : inference::ModelInstanceGroup::KIND_CPU);
  config.mutable_dynamic_batching()->set_priority_levels(kPriorityLevels);
  config.mutable_dynamic_batching()->set_default_priority_level(kDefaultPriorityLevel);
  config.mutable_model_transaction_policy()->set_decoupled(false);
  return response;
}

}  // namespace darkroom
