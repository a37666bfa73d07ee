#ifndef DARKROOM_SERVER_INFERENCE_SERVICE_H_
#define DARKROOM_SERVER_INFERENCE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <functional>

#include "inference/grpc_service.grpc.pb.h"
#include "model/image_generator.h"
#include "server/call.h"
#include "server/inference/model_statistics.h"

namespace darkroom {

// The gRPC face of inference.GRPCInferenceService, the Open Inference Protocol. No method blocks.
class InferenceService final : public inference::GRPCInferenceService::CallbackService {
 public:
  // Requests have at most `max_rows` rows. `is_ready` is called from any thread and does not block.
  // Model and statistics are borrowed and outlive the service.
  InferenceService(const CallContext& context, const ModelInfo& model, int max_rows,
                   darkroom::ModelStatistics& statistics, std::function<bool()> is_ready);

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* call,
                                       const inference::ServerLiveRequest* request,
                                       inference::ServerLiveResponse* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* call,
                                        const inference::ServerReadyRequest* request,
                                        inference::ServerReadyResponse* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* call,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* response) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* call,
                                           const inference::ServerMetadataRequest* request,
                                           inference::ServerMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* call,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* call,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* response) override;
  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext* call,
                                            const inference::ModelStatisticsRequest* request,
                                            inference::ModelStatisticsResponse* response) override;

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* call,
                                       const inference::ModelInferRequest* request,
                                       inference::ModelInferResponse* response) override;

 private:
  const CallContext context_;
  const ModelInfo& model_;
  const int max_rows_;
  darkroom::ModelStatistics& statistics_;
  const std::function<bool()> is_ready_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_SERVICE_H_
