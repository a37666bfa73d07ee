#include "server/image_service.h"

#include <utility>

#include "server/answer_at_once.h"
#include "server/generate_images_call.h"
#include "server/request_parser.h"
#include "server/stream_images_call.h"

namespace darkroom {

ImageService::ImageService(const CallContext& context, v1::GetModelResponse model)
    : context_(context), model_(std::move(model)) {}

grpc::ServerUnaryReactor* ImageService::GenerateImages(grpc::CallbackServerContext* call,
                                                       const v1::GenerateImagesRequest* request,
                                                       v1::GenerateImagesResponse* response) {
  return Launch<GenerateImagesCall>(context_, call, request, response);
}

grpc::ServerWriteReactor<v1::StreamImagesResponse>* ImageService::StreamImages(
    grpc::CallbackServerContext* call, const v1::StreamImagesRequest* request) {
  return Launch<StreamImagesCall>(context_, call, request);
}

grpc::ServerUnaryReactor* ImageService::GetModel(grpc::CallbackServerContext* call,
                                                 const v1::GetModelRequest* request,
                                                 v1::GetModelResponse* response) {
  return AnswerCallerAtOnce(context_.authenticator, call, [&] {
    *response = model_;
    return CheckModelName(request->model(), model_.id());
  });
}

}  // namespace darkroom
