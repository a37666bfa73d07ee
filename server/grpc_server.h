#ifndef DARKROOM_SERVER_GRPC_SERVER_H_
#define DARKROOM_SERVER_GRPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/connection_acceptor.h"
#include "server/server_options.h"

namespace darkroom {

// Where and how to listen.
struct ListenOptions {
  std::vector<std::string> addresses;
  std::shared_ptr<grpc::ServerCredentials> credentials;  // Of these addresses.
  std::string health_address;  // In plaintext, for health checks alone. Empty: none.
  ConnectionLimits limits;
};

// The listening server: services, reflection, and grpc.health.v1 with the names
// `darkroom.v1.ImageGenerationService` and "" for readiness and `liveness` for liveness. Limits
// what a caller can make it hold. One per process.
class GrpcServer {
 public:
  // Listens, alive and ready. The services are borrowed and outlive the server. UNAVAILABLE naming
  // the address that could not be had.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const ListenOptions& options, std::span<grpc::Service* const> services);

  // The addresses with the ports really bound.
  const std::vector<std::string>& addresses() const { return addresses_; }
  // Empty: none.
  const std::string& health_address() const { return health_address_; }

  // Tells health checks not to send more; liveness stays.
  void SetNotReady();

  // Refuses new calls and returns when the last one has ended. Not from a gRPC thread.
  void Shutdown();

 private:
  GrpcServer() = default;

  // Starts one more server, which listens on these.
  absl::Status Add(grpc::ServerBuilder& builder, const std::vector<std::string>& addresses,
                   const std::shared_ptr<grpc::ServerCredentials>& credentials);

  std::vector<std::unique_ptr<grpc::Server>> servers_;  // The one for health alone is the second.
  std::vector<ConnectionAcceptor> acceptors_;           // Of both; they end before the servers.
  std::vector<std::string> addresses_;
  std::string health_address_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GRPC_SERVER_H_
