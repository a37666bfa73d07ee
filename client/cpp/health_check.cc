#include "client/cpp/health_check.h"

#include <grpcpp/client_context.h>

#include "client/cpp/rpc_status.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace darkroom {

absl::StatusOr<Health> CheckHealth(const std::shared_ptr<grpc::ChannelInterface>& channel,
                                   const std::string& service, absl::Time deadline) {
  using grpc::health::v1::HealthCheckResponse;
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  if (!status.ok()) return FromRpcStatus(status);
  switch (response.status()) {
    case HealthCheckResponse::SERVING: return Health::kServing;
    case HealthCheckResponse::NOT_SERVING: return Health::kNotServing;
    default: return Health::kUnknown;
  }
}

}  // namespace darkroom
