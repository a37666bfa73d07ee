#ifndef DARKROOM_CLIENT_CLI_TEXT_H_
#define DARKROOM_CLIENT_CLI_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace darkroom {

// Whether a protobuf string may hold the text.
bool IsUtf8(absl::string_view text);

// The text with control characters as spaces, so that it is one line and commands no terminal.
std::string ForTerminal(absl::string_view text);

// At most `max_bytes` of the text and an ellipsis; never half a character.
std::string Shortened(absl::string_view text, size_t max_bytes);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_TEXT_H_
