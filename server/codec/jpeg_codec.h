#ifndef DARKROOM_SERVER_CODEC_JPEG_CODEC_H_
#define DARKROOM_SERVER_CODEC_JPEG_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/image_generator.h"
#include "server/codec/stored_image.h"

namespace darkroom {

// What an EXIF block of a JPEG file may have: a segment, less the six letters before it.
inline constexpr size_t kMaxJpegExifBytes = 65533 - 6;

bool IsJpeg(std::string_view file);

// From the segments before the pixels, which are not copied. INVALID_ARGUMENT, completing "the file
// ...", when they are broken.
absl::StatusOr<StoredImage> InspectJpeg(std::string_view file);

// The pixels as stored; CMYK becomes RGB as in Pillow. For a file that InspectJpeg accepts. A
// progressive file takes two bytes more for each of its samples, and is refused past 100 scans.
absl::StatusOr<RgbImage> ReadJpeg(std::string_view file, ImageSize size);

// `quality`: 1 to 100; from 90 on, colours are stored as finely as brightness. `exif`: empty, or at
// most kMaxJpegExifBytes.
absl::StatusOr<std::string> WriteJpeg(const RgbImage& image, int quality, const std::string& exif);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_JPEG_CODEC_H_
