#include "client/cli/text.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Bytes of the character whose first byte this is; 0 for a byte that starts none.
size_t CharacterLength(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

// Whether a second byte makes the character one that has a shorter form, a surrogate, or beyond
// U+10FFFF.
bool IsForbiddenPair(uint8_t first, uint8_t second) {
  return (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ||
         (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text[0]);
    const size_t length = CharacterLength(first);
    if (length == 0 || length > text.size()) return false;
    for (size_t i = 1; i < length; ++i) {
      if (!IsContinuation(text[i])) return false;
    }
    if (length > 2 && IsForbiddenPair(first, static_cast<uint8_t>(text[1]))) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ForTerminal(absl::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

std::string Shortened(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  while (max_bytes > 0 && IsContinuation(text[max_bytes])) --max_bytes;
  return absl::StrCat(text.substr(0, max_bytes), "...");
}

}  // namespace darkroom
