#include "client/cli/duration_flag.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

constexpr absl::Duration kMost = absl::Hours(24);
constexpr size_t kValueInErrors = 40;

}  // namespace

absl::StatusOr<absl::Duration> ParseDurationFlag(absl::string_view flag, absl::string_view text,
                                                 absl::Duration least) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": \"",
                                                   ForTerminal(Shortened(text, kValueInErrors)),
                                                   "\" is not a duration such as 10ms or 1.5s"));
  }
  if (duration < least || duration > kMost) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " is from ", absl::FormatDuration(least),
                                                   " to ", absl::FormatDuration(kMost)));
  }
  return duration;
}

}  // namespace darkroom
