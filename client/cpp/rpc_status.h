#ifndef DARKROOM_CLIENT_CPP_RPC_STATUS_H_
#define DARKROOM_CLIENT_CPP_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace darkroom {

// The same code, and a message that also says which fields the server objected to, each with its
// path. Every google.rpc detail (ErrorInfo, BadRequest, RetryInfo and the like) becomes a payload
// under its type URL, such as "type.googleapis.com/google.rpc.ErrorInfo". Details that cannot be
// read are left out.
absl::Status FromRpcStatus(const grpc::Status& status);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CPP_RPC_STATUS_H_
