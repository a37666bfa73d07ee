#ifndef DARKROOM_CLIENT_CLI_DURATION_FLAG_H_
#define DARKROOM_CLIENT_CLI_DURATION_FLAG_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace darkroom {

// A number with a unit, as in 10ms, 1.5s, 2m, from `least` to 24 hours. INVALID_ARGUMENT names the
// flag and says what is wrong.
absl::StatusOr<absl::Duration> ParseDurationFlag(absl::string_view flag, absl::string_view text,
                                                 absl::Duration least);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_DURATION_FLAG_H_
