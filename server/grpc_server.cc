#include "server/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <limits>

namespace darkroom {
namespace {

constexpr int kKeepaliveMs = 20'000;  // A dead peer is known after at most 30 seconds.
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kHandshakeTimeoutMs = 10'000;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr char kReadiness[] = "darkroom.v1.ImageGenerationService";
constexpr char kLiveness[] = "liveness";

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

void SetLimits(const ConnectionLimits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_request_bytes));
  // A compressed request is inflated whole before its size is checked, so none is accepted.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  grpc::ResourceQuota quota("darkroom");
  quota.Resize(static_cast<size_t>(limits.grpc_memory));
  builder.SetResourceQuota(quota);
  const std::pair<const char*, int> arguments[] = {
      {GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_concurrent_calls},
      {GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs},
      // Callers come back from time to time, and so find servers that were added. gRPC spreads it.
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_age)},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(limits.max_request_duration)},
      {GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs},
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},  // As many as keepalive asks for.
      // Callers wait long for an image: their keepalive pings are welcome.
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
  };
  for (const auto& [name, value] : arguments) builder.AddChannelArgument(name, value);
}

void SetHealth(grpc::Server& server, std::initializer_list<const char*> names, bool serving) {
  for (const char* name : names) server.GetHealthCheckService()->SetServingStatus(name, serving);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const ListenOptions& options, std::span<grpc::Service* const> services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto result = std::unique_ptr<GrpcServer>(new GrpcServer);
  grpc::ServerBuilder builder;
  SetLimits(options.limits, builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  if (absl::Status s = result->Add(builder, options.addresses, options.credentials); !s.ok()) {
    return s;
  }
  for (const ConnectionAcceptor& acceptor : result->acceptors_) {
    result->addresses_.push_back(acceptor.address());
  }
  if (options.health_address.empty()) return result;
  grpc::ServerBuilder health;
  SetLimits(options.limits, health);
  const absl::Status status =
      result->Add(health, {options.health_address}, grpc::InsecureServerCredentials());
  if (!status.ok()) return status;
  result->health_address_ = result->acceptors_.back().address();
  return result;
}

absl::Status GrpcServer::Add(grpc::ServerBuilder& builder,
                             const std::vector<std::string>& addresses,
                             const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  std::vector<ConnectionAcceptor::Recipient> recipients;
  std::vector<ConnectionAcceptor> acceptors;
  for (const std::string& address : addresses) {
    absl::StatusOr<ConnectionAcceptor> acceptor = ConnectionAcceptor::Listen(address);
    if (!acceptor.ok()) return acceptor.status();
    acceptors.push_back(*std::move(acceptor));
    recipients.push_back(
        builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials));
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("gRPC did not start");
  SetHealth(*server, {kLiveness, kReadiness}, true);
  servers_.push_back(std::move(server));
  for (size_t i = 0; i < acceptors.size(); ++i) {
    acceptors[i].Start(std::move(recipients[i]));
    acceptors_.push_back(std::move(acceptors[i]));
  }
  return absl::OkStatus();
}

void GrpcServer::SetNotReady() {
  for (const auto& server : servers_) SetHealth(*server, {kReadiness, ""}, false);
}

void GrpcServer::Shutdown() {
  for (ConnectionAcceptor& acceptor : acceptors_) acceptor.Stop();
  // All image calls have ended by now; the deadline is for open health watches.
  const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(500);
  for (const auto& server : servers_) server->Shutdown(deadline);
  for (const auto& server : servers_) server->Wait();
}

}  // namespace darkroom
