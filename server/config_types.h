#ifndef DARKROOM_SERVER_CONFIG_TYPES_H_
#define DARKROOM_SERVER_CONFIG_TYPES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace darkroom {

// What the values of a setting are.
struct ConfigType {
  std::string name;  // For people: "HOST:PORT".
  // What is wrong with a value, for people, or nothing.
  std::function<std::string(const std::string& value)> check;
};

// Every range includes both its ends. Texts of every type are UTF-8 without control characters.

ConfigType NumberBetween(int64_t least, int64_t most);

// "10ms", "1.5s"; named DURATION.
ConfigType DurationBetween(absl::Duration least, absl::Duration most);

ConfigType OneOf(std::vector<std::string> names);

// "cpu", "cuda" or "cuda:1"; named DEVICE.
ConfigType Device();

// "HOST:PORT", with the host of an IPv6 address in brackets.
ConfigType Address();

// A path, whatever is there; named `name`.
ConfigType Path(std::string name);

// A file that can be opened to read, now; named FILE.
ConfigType ReadableFile();

// `text`, short and without what could disturb a terminal, in quotes.
std::string Quoted(const std::string& text);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONFIG_TYPES_H_
