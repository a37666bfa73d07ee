#ifndef DARKROOM_SERVER_CONFIG_FILE_H_
#define DARKROOM_SERVER_CONFIG_FILE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// A value of a configuration file; monostate: of a type that no setting has, as a table.
using ConfigValue =
    std::variant<std::monostate, std::string, int64_t, bool, std::vector<std::string>>;

// One `key = value`.
struct ConfigEntry {
  std::string key;
  ConfigValue value;
  std::string place;  // "FILE:LINE", for messages.
};

// The top level of the TOML file, in its order. INVALID_ARGUMENT naming the file, and the line
// where there is one: it cannot be read, is no TOML or UTF-8, or is larger than 1 MiB.
absl::StatusOr<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path);

// As TOML writes it. Not of monostate.
std::string ToToml(const ConfigValue& value);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONFIG_FILE_H_
