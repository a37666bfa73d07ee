#include "server/proto_duration.h"

#include <cstdint>

namespace darkroom {

void SetDuration(absl::Duration duration, google::protobuf::Duration* message) {
  message->set_seconds(absl::ToInt64Seconds(duration));
  message->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
}

absl::Duration ToDuration(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

}  // namespace darkroom
