#include "server/inference_service.h"

#include <utility>

#include "absl/status/status.h"
#include "server/answer_at_once.h"
#include "server/inference/model_description.h"
#include "server/model_infer_call.h"

namespace darkroom {

InferenceService::InferenceService(const CallContext& context, const ModelInfo& model, int max_rows,
                                   darkroom::ModelStatistics& statistics,
                                   std::function<bool()> is_ready)
    : context_(context),
      model_(model),
      max_rows_(max_rows),
      statistics_(statistics),
      is_ready_(std::move(is_ready)) {}

grpc::ServerUnaryReactor* InferenceService::ModelInfer(grpc::CallbackServerContext* call,
                                                       const inference::ModelInferRequest* request,
                                                       inference::ModelInferResponse* response) {
  return Launch<ModelInferCall>(context_, model_, static_cast<size_t>(max_rows_), statistics_, call,
                                request, response);
}

grpc::ServerUnaryReactor* InferenceService::ServerLive(grpc::CallbackServerContext* call,
                                                       const inference::ServerLiveRequest*,
                                                       inference::ServerLiveResponse* response) {
  return AnswerAtOnce(call, [&] {
    response->set_live(true);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(grpc::CallbackServerContext* call,
                                                        const inference::ServerReadyRequest*,
                                                        inference::ServerReadyResponse* response) {
  return AnswerAtOnce(call, [&] {
    response->set_ready(is_ready_());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(grpc::CallbackServerContext* call,
                                                       const inference::ModelReadyRequest* request,
                                                       inference::ModelReadyResponse* response) {
  return AnswerAtOnce(call, [&] {
    response->set_ready(CheckModelVersion(request->name(), request->version(), model_).ok() &&
                        is_ready_());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(
    grpc::CallbackServerContext* call, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* response) {
  return AnswerCallerAtOnce(context_.authenticator, call, [&] {
    *response = DescribeServer();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(
    grpc::CallbackServerContext* call, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* response) {
  return AnswerCallerAtOnce(context_.authenticator, call, [&] {
    *response = DescribeModel(model_);
    return CheckModelVersion(request->name(), request->version(), model_);
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelConfig(
    grpc::CallbackServerContext* call, const inference::ModelConfigRequest* request,
    inference::ModelConfigResponse* response) {
  return AnswerCallerAtOnce(context_.authenticator, call, [&] {
    *response = DescribeModelConfig(model_, max_rows_);
    return CheckModelVersion(request->name(), request->version(), model_);
  });
}

grpc::ServerUnaryReactor* InferenceService::ModelStatistics(
    grpc::CallbackServerContext* call, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  return AnswerCallerAtOnce(context_.authenticator, call, [&] {
    inference::ModelStatistics& stats = *response->add_model_stats();
    stats = statistics_.Read();
    stats.set_name(model_.id);
    stats.set_version(kModelVersion);
    // No name asks for every model.
    const std::string& name = request->name().empty() ? model_.id : request->name();
    return CheckModelVersion(name, request->version(), model_);
  });
}

}  // namespace darkroom
