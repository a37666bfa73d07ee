#ifndef DARKROOM_CLIENT_CPP_IMAGE_CLIENT_H_
#define DARKROOM_CLIENT_CPP_IMAGE_CLIENT_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "darkroom/v1/image_generation.grpc.pb.h"

namespace darkroom {

// Calls a Darkroom server. Any number of calls may be in flight, which is how they come to share
// GPU passes.
//
// Every call ends exactly once, with the reply or with the server's status, whose message lists the
// fields it objects to and whose payloads are its google.rpc details (see rpc_status.h). Whether a
// call that was not served is repeated is the channel's matter (see channel.h). Thread-safe. The
// destructor cancels what is in flight and returns when the last callback has; so it must not run
// in a callback.
class ImageClient {
 public:
  using Reply = absl::StatusOr<v1::GenerateImagesResponse>;
  using Callback = absl::AnyInvocable<void(Reply) &&>;

  // With the channel that MakeChannel() makes to `server`.
  explicit ImageClient(const std::string& server);
  // For other credentials. The channel's receive limit has to fit the images asked for.
  explicit ImageClient(std::shared_ptr<grpc::ChannelInterface> channel);
  ~ImageClient();

  ImageClient(const ImageClient&) = delete;
  ImageClient& operator=(const ImageClient&) = delete;

  // Sends the request and returns at once. `done` runs on a gRPC thread and must not block; a
  // request that is not answered by `deadline` ends with DEADLINE_EXCEEDED.
  void GenerateImages(v1::GenerateImagesRequest request, Callback done,
                      absl::Time deadline = absl::InfiniteFuture()) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends the request and waits for its end. Not for use in a callback.
  Reply GenerateImages(v1::GenerateImagesRequest request,
                       absl::Time deadline = absl::InfiniteFuture()) ABSL_LOCKS_EXCLUDED(mu_);

  // What the server has to offer. Waits for the answer; CancelAll() does not end it.
  absl::StatusOr<v1::GetModelResponse> GetModel(absl::Time deadline = absl::InfiniteFuture());

  // Ends every call now in flight with CANCELLED, unless its reply came first.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Call;

  void Finish(Call* call, const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<v1::ImageGenerationService::StubInterface> stub_;
  absl::Mutex mu_;
  std::unordered_map<Call*, std::shared_ptr<Call>> in_flight_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CPP_IMAGE_CLIENT_H_
