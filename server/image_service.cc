#include "server/image_service.h"

namespace darkroom {

grpc::ServerUnaryReactor* ImageService::GenerateImages(grpc::CallbackServerContext* call,
                                                       const v1::GenerateImagesRequest* request,
                                                       v1::GenerateImagesResponse* response) {
  auto* generation =
      new Generation(context_, call, request, response);  // Deletes itself in OnDone.
  generation->Run();
  return generation;
}

}  // namespace darkroom
