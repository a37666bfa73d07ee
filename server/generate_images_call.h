#ifndef DARKROOM_SERVER_GENERATE_IMAGES_CALL_H_
#define DARKROOM_SERVER_GENERATE_IMAGES_CALL_H_

#include <grpcpp/grpcpp.h>

#include "server/call.h"

namespace darkroom {

// A GenerateImages call: answers with all images when the last is done.
class GenerateImagesCall final : public grpc::ServerUnaryReactor,
                                 public Call,
                                 private GenerationListener {
 public:
  // Request and response are gRPC's and live until OnDone.
  GenerateImagesCall(const CallContext& context, grpc::CallbackServerContext* call,
                     const v1::GenerateImagesRequest* request,
                     v1::GenerateImagesResponse* response);

  void OnCancel() override { OnCancelled(); }
  void OnDone() override { Release(); }

 private:
  absl::Status Begin(const Caller& caller) override;
  void OnEnd(const GenerationResult& result) override;
  void SendStatus(const grpc::Status& status) override { Finish(status); }

  const v1::GenerateImagesRequest* const request_;
  v1::GenerateImagesResponse* const response_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATE_IMAGES_CALL_H_
