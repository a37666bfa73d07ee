#ifndef DARKROOM_CLIENT_CLI_ENUM_NAMES_H_
#define DARKROOM_CLIENT_CLI_ENUM_NAMES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// Enum values as flags, mixes and texts spell them: the proto's names in small letters, with dashes
// and without the enum's own name. So "dpmpp-2m" is SCHEDULER_DPMPP_2M.

std::string SchedulerName(v1::Scheduler scheduler);
std::vector<std::string> SchedulerNames();  // All of them.
// Also takes the proto's own spelling.
std::optional<v1::Scheduler> ParseScheduler(absl::string_view name);

std::string FormatName(v1::ImageFormat format);  // "raw" is IMAGE_FORMAT_RAW_RGB.
std::optional<v1::ImageFormat> ParseFormat(absl::string_view name);

std::optional<v1::Priority> ParsePriority(absl::string_view name);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_ENUM_NAMES_H_
