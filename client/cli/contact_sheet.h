#ifndef DARKROOM_CLIENT_CLI_CONTACT_SHEET_H_
#define DARKROOM_CLIENT_CLI_CONTACT_SHEET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

struct RgbImage {
  size_t width = 0;
  size_t height = 0;
  std::vector<uint8_t> pixels;  // height x width x 3.
};

// White pixels around every image of a sheet, and between two.
inline constexpr size_t kSheetGap = 4;

// The pixels of a PNG (transparency shows white) or RAW_RGB image as the server sent it. Other
// formats and broken or oversized data are errors.
absl::StatusOr<RgbImage> DecodeImage(const v1::Image& image);

// All images on one: `prompts` holds those of each prompt, which make a row. Where no prompt has
// more than one the sheet is near-square instead, read line by line. Every cell has the size of the
// largest image. At least one image; too many for one picture are an error.
absl::StatusOr<RgbImage> ArrangeSheet(const std::vector<std::vector<RgbImage>>& prompts);

absl::StatusOr<std::string> EncodePng(const RgbImage& image);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_CONTACT_SHEET_H_
