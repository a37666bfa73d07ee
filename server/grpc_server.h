#ifndef DARKROOM_SERVER_GRPC_SERVER_H_
#define DARKROOM_SERVER_GRPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/image_service.h"

namespace darkroom {

// The listening server: the image service, reflection, and grpc.health.v1 with the names
// `darkroom.v1.ImageGenerationService` and "" for readiness and `liveness` for liveness. Limits
// what a caller can make it hold. One per process.
class GrpcServer {
 public:
  // Listens, alive and ready. `service` is borrowed and outlives the server. UNAVAILABLE naming the
  // address that could not be had.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::vector<std::string>& listen,
                                                           ImageService& service);

  // The addresses with the ports really bound.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Tells health checks not to send more; liveness stays.
  void SetNotReady();

  // Refuses new calls and returns when the last one has ended. Not from a gRPC thread.
  void Shutdown();

 private:
  GrpcServer() = default;

  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GRPC_SERVER_H_
