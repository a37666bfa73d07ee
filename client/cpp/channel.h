#ifndef DARKROOM_CLIENT_CPP_CHANNEL_H_
#define DARKROOM_CLIENT_CPP_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace darkroom {

// Whether the channel repeats calls that were not served. What it repeats, and how often, is the
// advice for callers of docs/operations.md.
enum class Retries { kOn, kOff };

// A plaintext channel, which connects at its first call, to every address that `target` stands for:
// a HOST:PORT, `dns:///HOST:PORT`, or a list as in `ipv4:10.0.0.5:50051,10.0.0.6:50051`. Calls take
// turns among those that answer. Replies may hold up to 64 MiB.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           Retries retries = Retries::kOn);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CPP_CHANNEL_H_
