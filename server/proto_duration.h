#ifndef DARKROOM_SERVER_PROTO_DURATION_H_
#define DARKROOM_SERVER_PROTO_DURATION_H_

#include <google/protobuf/duration.pb.h>

#include "absl/time/time.h"

namespace darkroom {

// The wire's durations and ours.
void SetDuration(absl::Duration duration, google::protobuf::Duration* message);
absl::Duration ToDuration(const google::protobuf::Duration& message);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_PROTO_DURATION_H_
