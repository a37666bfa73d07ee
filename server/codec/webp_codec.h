#ifndef DARKROOM_SERVER_CODEC_WEBP_CODEC_H_
#define DARKROOM_SERVER_CODEC_WEBP_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/image_generator.h"
#include "server/codec/stored_image.h"

namespace darkroom {

bool IsWebp(std::string_view file);

// From the list of chunks. INVALID_ARGUMENT, completing "the file ...", when it is cut off, broken,
// or animated.
absl::StatusOr<StoredImage> InspectWebp(std::string_view file);

// The pixels as stored; alpha is dropped. For a file that InspectWebp accepts.
absl::StatusOr<RgbImage> ReadWebp(std::string_view file, ImageSize size);

// Lossy. `quality`: 1 to 100. `exif` may be empty.
absl::StatusOr<std::string> WriteWebp(const RgbImage& image, int quality, const std::string& exif);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_WEBP_CODEC_H_
