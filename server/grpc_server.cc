#include "server/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr int kMaxRequestBytes = (8 << 20) + (256 << 10);  // An image of 8 MiB, and the rest.
constexpr int kMaxStreamsPerConnection = 1024;
constexpr int kMinPingIntervalMs = 10'000;
constexpr char kReadiness[] = "darkroom.v1.ImageGenerationService";
constexpr char kLiveness[] = "liveness";

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  // A compressed request is inflated whole before its size is checked, so none is accepted.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // Callers wait long for an image: their keepalive pings are welcome.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Two servers on one port would share its calls by chance.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const std::vector<std::string>& listen, ImageService& service) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  builder.RegisterService(&service);
  std::vector<int> ports(listen.size());
  for (size_t i = 0; i < listen.size(); ++i) {
    builder.AddListeningPort(listen[i], grpc::InsecureServerCredentials(), &ports[i]);
  }
  auto result = std::unique_ptr<GrpcServer>(new GrpcServer);
  result->server_ = builder.BuildAndStart();
  for (size_t i = 0; i < listen.size(); ++i) {
    if (result->server_ == nullptr || ports[i] == 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", listen[i]));
    }
    result->addresses_.push_back(WithPort(listen[i], ports[i]));
  }
  grpc::HealthCheckServiceInterface* health = result->server_->GetHealthCheckService();
  health->SetServingStatus(kLiveness, true);
  health->SetServingStatus(kReadiness, true);
  return result;
}

void GrpcServer::SetNotReady() {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus(kReadiness, false);
  health->SetServingStatus("", false);
}

void GrpcServer::Shutdown() {
  // All image calls have ended by now; the deadline is for open health watches.
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
  server_->Wait();
}

}  // namespace darkroom
