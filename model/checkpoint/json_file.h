#ifndef DARKROOM_MODEL_CHECKPOINT_JSON_FILE_H_
#define DARKROOM_MODEL_CHECKPOINT_JSON_FILE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace darkroom {

// The whole file: NOT_FOUND when it cannot be opened, INVALID_ARGUMENT when it is no file or larger
// than 64 MB, which no text of a checkpoint is. Errors name the path.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

// The file's JSON object; INVALID_ARGUMENT also when it holds anything else.
absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_JSON_FILE_H_
