#include "client/cpp/image_client.h"

#include <grpcpp/client_context.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/cpp/channel.h"
#include "client/cpp/rpc_status.h"

namespace darkroom {
namespace {

void SetDeadline(absl::Time deadline, grpc::ClientContext& context) {
  if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
}

}  // namespace

struct ImageClient::Call {
  grpc::ClientContext context;
  v1::GenerateImagesRequest request;
  v1::GenerateImagesResponse response;
  Callback done;
};

ImageClient::ImageClient(const std::string& server) : ImageClient(MakeChannel(server)) {}

ImageClient::ImageClient(std::shared_ptr<grpc::ChannelInterface> channel)
    : stub_(v1::ImageGenerationService::NewStub(channel)) {}

ImageClient::~ImageClient() {
  CancelAll();
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](decltype(in_flight_)* calls) { return calls->empty(); }, &in_flight_));
}

void ImageClient::GenerateImages(v1::GenerateImagesRequest request, Callback done,
                                 absl::Time deadline) {
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->done = std::move(done);
  SetDeadline(deadline, call->context);
  {
    absl::MutexLock lock(&mu_);
    in_flight_[call.get()] = call;
  }
  stub_->async()->GenerateImages(
      &call->context, &call->request, &call->response,
      [this, call = call.get()](const grpc::Status& status) { Finish(call, status); });
}

ImageClient::Reply ImageClient::GenerateImages(v1::GenerateImagesRequest request,
                                               absl::Time deadline) {
  std::optional<Reply> result;
  absl::Notification ended;
  GenerateImages(
      std::move(request),
      [&](Reply reply) {
        result = std::move(reply);
        ended.Notify();
      },
      deadline);
  ended.WaitForNotification();
  return *std::move(result);
}

absl::StatusOr<v1::GetModelResponse> ImageClient::GetModel(absl::Time deadline) {
  grpc::ClientContext context;
  SetDeadline(deadline, context);
  v1::GetModelResponse response;
  const grpc::Status status = stub_->GetModel(&context, {}, &response);
  if (!status.ok()) return FromRpcStatus(status);
  return response;
}

void ImageClient::CancelAll() {
  std::vector<std::shared_ptr<Call>> calls;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [unused, call] : in_flight_) calls.push_back(call);
  }
  // Outside the lock: cancelling may run a call's end on this thread.
  for (const std::shared_ptr<Call>& call : calls) call->context.TryCancel();
}

void ImageClient::Finish(Call* call, const grpc::Status& status) {
  if (status.ok()) {
    std::move(call->done)(std::move(call->response));
  } else {
    std::move(call->done)(FromRpcStatus(status));
  }
  // The call goes, with what its callback and its context hold, before the destructor may return:
  // the last reference to a channel must not be dropped on gRPC's thread, which would join itself.
  absl::MutexLock lock(&mu_);
  in_flight_.erase(call);
}

}  // namespace darkroom
