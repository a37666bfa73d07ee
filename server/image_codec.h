#ifndef DARKROOM_SERVER_IMAGE_CODEC_H_
#define DARKROOM_SERVER_IMAGE_CODEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/image_generator.h"

namespace darkroom {

// A named text inside a PNG file. UTF-8; bytes of value 0 become U+FFFD, for the format has none.
struct PngText {
  std::string key;  // 1 to 79 letters.
  std::string text;
};

// The image as a PNG file: 8-bit RGB, with the texts before its pixels.
absl::StatusOr<std::string> EncodePng(const RgbImage& image, const std::vector<PngText>& texts);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_IMAGE_CODEC_H_
