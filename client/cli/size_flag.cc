#include "client/cli/size_flag.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace darkroom {

bool SetSize(absl::string_view text, v1::GenerateImagesRequest& request) {
  const std::pair<absl::string_view, absl::string_view> sides =
      absl::StrSplit(text, absl::MaxSplits('x', 1));
  uint32_t width = 0;
  uint32_t height = 0;
  if (!absl::SimpleAtoi(sides.first, &width)) return false;
  if (!absl::SimpleAtoi(sides.second, &height)) return false;
  request.set_width(width);
  request.set_height(height);
  return true;
}

}  // namespace darkroom
