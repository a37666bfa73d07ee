#ifndef DARKROOM_SERVER_CODEC_PNG_CODEC_H_
#define DARKROOM_SERVER_CODEC_PNG_CODEC_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/image_generator.h"
#include "server/codec/image_text.h"
#include "server/codec/stored_image.h"

namespace darkroom {

bool IsPng(std::string_view file);

// From the list of chunks, whose contents are not touched. INVALID_ARGUMENT, completing "the file
// ...", when it is cut off, broken, animated, or of 16 bits a channel.
absl::StatusOr<StoredImage> InspectPng(std::string_view file);

// The pixels as stored; alpha is dropped. For a file that InspectPng accepts.
absl::StatusOr<RgbImage> ReadPng(std::string_view file, ImageSize size);

// 8-bit RGB, with the texts before its pixels; bytes of value 0 in them become U+FFFD, for the
// format has none.
absl::StatusOr<std::string> WritePng(const RgbImage& image, const std::vector<ImageText>& texts);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_PNG_CODEC_H_
