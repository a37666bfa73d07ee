#ifndef DARKROOM_SERVER_IMAGE_SERVICE_H_
#define DARKROOM_SERVER_IMAGE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "darkroom/v1/image_generation.grpc.pb.h"
#include "server/call.h"

namespace darkroom {

// The gRPC face of darkroom.v1.ImageGenerationService. No method blocks, for gRPC's few callback
// threads also answer the health checks.
class ImageService final : public v1::ImageGenerationService::CallbackService {
 public:
  // `model` is the answer of GetModel.
  ImageService(const CallContext& context, v1::GetModelResponse model);

  grpc::ServerUnaryReactor* GenerateImages(grpc::CallbackServerContext* call,
                                           const v1::GenerateImagesRequest* request,
                                           v1::GenerateImagesResponse* response) override;

  grpc::ServerWriteReactor<v1::StreamImagesResponse>* StreamImages(
      grpc::CallbackServerContext* call, const v1::StreamImagesRequest* request) override;

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* call,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  const CallContext context_;
  const v1::GetModelResponse model_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_IMAGE_SERVICE_H_
