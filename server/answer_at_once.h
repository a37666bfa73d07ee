#ifndef DARKROOM_SERVER_ANSWER_AT_ONCE_H_
#define DARKROOM_SERVER_ANSWER_AT_ONCE_H_

#include <grpcpp/grpcpp.h>

#include <exception>

#include "absl/status/status.h"
#include "server/call.h"
#include "server/status_details.h"

namespace darkroom {

// Answers the call with the status that `fill` returns, having filled the response. What it throws
// is INTERNAL. A reactor of gRPC's own needs nothing further.
template <typename Fill>
grpc::ServerUnaryReactor* AnswerAtOnce(grpc::CallbackServerContext* call, Fill fill) {
  const auto try_to_fill = [&]() -> absl::Status {
    try {
      return fill();
    } catch (const std::exception& error) {
      return absl::InternalError(error.what());
    }
  };
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  reactor->Finish(ToGrpcStatus(try_to_fill()));
  return reactor;
}

// The same, for those whom the authenticator lets in.
template <typename Fill>
grpc::ServerUnaryReactor* AnswerCallerAtOnce(const Authenticator& authenticator,
                                             grpc::CallbackServerContext* call, Fill fill) {
  return AnswerAtOnce(call, [&]() -> absl::Status {
    if (absl::Status s = Identify(authenticator, *call).status(); !s.ok()) return s;
    return fill();
  });
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_ANSWER_AT_ONCE_H_
