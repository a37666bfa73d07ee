#ifndef DARKROOM_CLIENT_CPP_HEALTH_CHECK_H_
#define DARKROOM_CLIENT_CPP_HEALTH_CHECK_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace darkroom {

enum class Health { kServing, kNotServing, kUnknown };

// What the server says of one of its services by grpc.health.v1: readiness is that of
// "darkroom.v1.ImageGenerationService", liveness that of "liveness". A name that it does not know
// is NOT_FOUND. Asks once, whatever the channel's policy.
absl::StatusOr<Health> CheckHealth(const std::shared_ptr<grpc::ChannelInterface>& channel,
                                   const std::string& service, absl::Time deadline);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CPP_HEALTH_CHECK_H_
