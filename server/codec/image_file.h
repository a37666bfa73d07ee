#ifndef DARKROOM_SERVER_CODEC_IMAGE_FILE_H_
#define DARKROOM_SERVER_CODEC_IMAGE_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/image_generator.h"
#include "server/codec/image_text.h"

namespace darkroom {

// Image files in and out. Files come from strangers. Whatever they say, reading one takes about
// twice the memory of its RGB pixels (a progressive JPEG: three times, four with CMYK), of which
// there are at most kMaxReadPixels; the time grows with its pixels and bytes, and with a
// progressive JPEG's scans (see jpeg_codec.h). Thread-safe.

enum class ImageFileFormat { kPng, kJpeg, kWebp };

inline constexpr int64_t kMaxReadPixels = int64_t{1} << 25;  // 100 MB of RGB.

struct ImageFileInfo {
  ImageFileFormat format;
  ImageSize size;  // Upright: after its EXIF orientation.
};

// From the header alone: pixels, texts and profiles are not unpacked. INVALID_ARGUMENT with one
// clear phrase for what ReadImageFile would not read, as far as a header tells.
absl::StatusOr<ImageFileInfo> InspectImageFile(std::string_view file);

// Upright 8-bit RGB; alpha is dropped, not blended. INVALID_ARGUMENT when the file is not PNG, JPEG
// or WebP, broken or cut off, animated, of 16 bits a channel, or too large.
absl::StatusOr<RgbImage> ReadImageFile(std::string_view file);

// `quality`, 1 to 100, is for JPEG and WebP. PNG holds all texts; JPEG and WebP hold "parameters"
// and "darkroom" in EXIF, JPEG as far as 64 KiB go (see exif.h). INTERNAL when the library fails.
absl::StatusOr<std::string> WriteImageFile(ImageFileFormat format, const RgbImage& image,
                                           int quality, const std::vector<ImageText>& texts);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_IMAGE_FILE_H_
