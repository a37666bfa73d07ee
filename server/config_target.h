#ifndef DARKROOM_SERVER_CONFIG_TARGET_H_
#define DARKROOM_SERVER_CONFIG_TARGET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/config_file.h"

namespace darkroom {

// Where a setting's value goes; it holds the default before. A bool is off by default, and a list
// has one text or more.
using ConfigTarget =
    std::variant<std::string*, std::vector<std::string>*, int*, int64_t*, bool*, absl::Duration*>;

// A setting's values as flags and variables have them: one, or those of a list.
using ConfigTexts = std::vector<std::string>;

bool IsList(const ConfigTarget& target);

// Writes the texts, one or more, into the target. False where they are not of its type; the target
// may have changed then.
bool Assign(const ConfigTexts& texts, const ConfigTarget& target);

// What is in the target.
ConfigValue ValueOf(const ConfigTarget& target);

// A file's value as a flag would have it; nothing where a target of this type does not take it.
std::optional<ConfigTexts> ToTexts(const ConfigValue& value, const ConfigTarget& target);

// What a file has for it, for people: "a whole number".
std::string TomlTypeOf(const ConfigTarget& target);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONFIG_TARGET_H_
