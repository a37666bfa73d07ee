#include "server/generate_images_call.h"

namespace darkroom {

GenerateImagesCall::GenerateImagesCall(const CallContext& context,
                                       grpc::CallbackServerContext* call,
                                       const v1::GenerateImagesRequest* request,
                                       v1::GenerateImagesResponse* response)
    : Call(context, Method::kGenerateImages, call), request_(request), response_(response) {}

absl::Status GenerateImagesCall::Begin(const Caller& caller) {
  return Open(*request_, caller, Deadline(), {shared_from_this(), this});
}

void GenerateImagesCall::OnEnd(const GenerationResult& result) {
  if (!TakeAnswer()) return;
  if (!result.status.ok()) return Complete(result.status);
  response_->set_request_id(result.request_id);
  for (const auto& image : result.images) *response_->add_images() = *image;
  *response_->mutable_stats() = result.stats;
  Complete(result.status, response_->mutable_stats());
}

}  // namespace darkroom
