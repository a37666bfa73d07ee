#include "client/cpp/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace darkroom {
namespace {

constexpr int kMaxReplyBytes = 64 << 20;
// What a call may be repeated from; a request with an image to begin from is larger than gRPC's
// own 256 KiB, and would be sent once.
constexpr int kRetryBufferBytes = 16 << 20;
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// gRPC waits up to two minutes before it tries a lost server again, and half a minute before it
// looks a name up again: too long while servers are replaced one after the other.
constexpr int kFirstReconnectMs = 100;
constexpr int kMaxReconnectMs = 2'000;
constexpr int kMinResolutionGapMs = 1'000;

// The same as in docs/operations.md, for every language.
constexpr char kServiceConfig[] = R"({
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{"service": "darkroom.v1.ImageGenerationService"}],
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "0.5s", "maxBackoff": "10s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
    }
  }]
})";

// Whether every address of the target is this machine's own.
bool IsLoopback(absl::string_view target) {
  for (const absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&target, scheme)) break;
  }
  const std::vector<absl::string_view> addresses = absl::StrSplit(target, ',');
  return std::all_of(addresses.begin(), addresses.end(), [](absl::string_view address) {
    return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
           absl::StartsWith(address, "[::1]:");
  });
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, Retries retries) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetMaxReceiveMessageSize(kMaxReplyBytes);
  const std::pair<const char*, int> numbers[] = {
      {GRPC_ARG_ENABLE_RETRIES, retries == Retries::kOn},
      {GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, kRetryBufferBytes},
      {GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs},
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},  // As many as keepalive asks for.
      {GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs},
      {GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs},
      {GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kMinResolutionGapMs},
  };
  for (const auto& [name, value] : numbers) arguments.SetInt(name, value);
  // gRPC would take http_proxy from the environment, but no proxy reaches our own loopback.
  if (IsLoopback(target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace darkroom
