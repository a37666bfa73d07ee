#ifndef DARKROOM_CLIENT_CLI_INPUT_FILES_H_
#define DARKROOM_CLIENT_CLI_INPUT_FILES_H_

#include <string>

#include "absl/status/statusor.h"

namespace darkroom {

// The bytes of a regular file of at most 8 MiB, as a server takes. The error names the file and
// says why not.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_INPUT_FILES_H_
