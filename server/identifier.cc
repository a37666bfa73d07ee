#include "server/identifier.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace darkroom {
namespace {

constexpr size_t kMaxBytes = 64;

}  // namespace

bool IsIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= kMaxBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace darkroom
