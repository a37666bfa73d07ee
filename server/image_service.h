#ifndef DARKROOM_SERVER_IMAGE_SERVICE_H_
#define DARKROOM_SERVER_IMAGE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "darkroom/v1/image_generation.grpc.pb.h"
#include "server/generation.h"

namespace darkroom {

// The gRPC face of darkroom.v1.ImageGenerationService. No method blocks, for gRPC's few callback
// threads also answer the health checks.
class ImageService final : public v1::ImageGenerationService::CallbackService {
 public:
  explicit ImageService(const GenerationContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* GenerateImages(grpc::CallbackServerContext* call,
                                           const v1::GenerateImagesRequest* request,
                                           v1::GenerateImagesResponse* response) override;

 private:
  const GenerationContext context_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_IMAGE_SERVICE_H_
