#include "server/codec/webp_codec.h"

#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "server/codec/exif.h"

namespace darkroom {
namespace {

constexpr size_t kRiffHeaderBytes = 12;  // "RIFF", length, "WEBP".
constexpr size_t kChunkHeaderBytes = 8;  // Type and length.

absl::Status Broken(const char* how) { return absl::InvalidArgumentError(how); }

const uint8_t* Bytes(std::string_view file) {
  return reinterpret_cast<const uint8_t*>(file.data());
}

size_t LittleEndian(std::string_view bytes) {
  size_t number = 0;
  for (size_t i = 4; i > 0; --i) number = number << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return number;
}

// The EXIF chunk's orientation. A chunk that is cut off makes the file so.
absl::StatusOr<int> Orientation(std::string_view file) {
  int orientation = 1;
  const size_t length = LittleEndian(file.substr(4));
  if (length > file.size() - kChunkHeaderBytes) return Broken("is cut off");
  std::string_view rest = file.substr(0, length + kChunkHeaderBytes);
  if (rest.size() < kRiffHeaderBytes) return Broken("is cut off");
  rest.remove_prefix(kRiffHeaderBytes);
  while (rest.size() >= kChunkHeaderBytes) {
    const size_t size = LittleEndian(rest.substr(4));
    if (size > rest.size() - kChunkHeaderBytes) return Broken("is cut off");
    if (rest.substr(0, 4) == "EXIF") {
      orientation = ReadOrientation(rest.substr(kChunkHeaderBytes, size));
    }
    rest.remove_prefix(std::min(rest.size(), kChunkHeaderBytes + size + size % 2));
  }
  return orientation;
}

// The encoded image inside a container with EXIF.
absl::StatusOr<std::string> WithExif(const WebPMemoryWriter& encoded, const std::string& exif) {
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux(WebPMuxNew(), WebPMuxDelete);
  const WebPData image{encoded.mem, encoded.size};
  const WebPData block{reinterpret_cast<const uint8_t*>(exif.data()), exif.size()};
  WebPData file;
  WebPDataInit(&file);
  if (mux == nullptr || WebPMuxSetImage(mux.get(), &image, 0) != WEBP_MUX_OK ||
      WebPMuxSetChunk(mux.get(), "EXIF", &block, 0) != WEBP_MUX_OK ||
      WebPMuxAssemble(mux.get(), &file) != WEBP_MUX_OK) {
    return absl::InternalError("the image could not be packed as WebP");
  }
  std::string bytes(reinterpret_cast<const char*>(file.bytes), file.size);
  WebPDataClear(&file);
  return bytes;
}

}  // namespace

bool IsWebp(std::string_view file) {
  return file.substr(0, 4) == "RIFF" && file.size() >= kRiffHeaderBytes &&
         file.substr(8, 4) == "WEBP";
}

absl::StatusOr<StoredImage> InspectWebp(std::string_view file) {
  const absl::StatusOr<int> orientation = Orientation(file);
  if (!orientation.ok()) return orientation.status();
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(Bytes(file), file.size(), &features) != VP8_STATUS_OK) {
    return Broken("has a broken WebP header");
  }
  if (features.has_animation) return Broken("is animated");
  return StoredImage{.size = {features.height, features.width}, .orientation = *orientation};
}

absl::StatusOr<RgbImage> ReadWebp(std::string_view file, ImageSize size) {
  RgbImage image{size, {}};
  const int stride = size.width * 3;
  image.pixels.resize(static_cast<size_t>(stride) * static_cast<size_t>(size.height));
  if (WebPDecodeRGBInto(Bytes(file), file.size(), image.pixels.data(), image.pixels.size(),
                        stride) == nullptr) {
    return Broken("is a broken WebP file");
  }
  return image;
}

absl::StatusOr<std::string> WriteWebp(const RgbImage& image, int quality, const std::string& exif) {
  const absl::Status failed = absl::InternalError("the image could not be packed as WebP");
  WebPConfig config;
  WebPPicture picture;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&picture)) return failed;
  const std::unique_ptr<WebPPicture, decltype(&WebPPictureFree)> owner(&picture, WebPPictureFree);
  WebPMemoryWriter encoded;
  WebPMemoryWriterInit(&encoded);
  const std::unique_ptr<WebPMemoryWriter, decltype(&WebPMemoryWriterClear)> writer(
      &encoded, WebPMemoryWriterClear);
  config.quality = static_cast<float>(quality);
  picture.width = image.size.width;
  picture.height = image.size.height;
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &encoded;
  if (!WebPPictureImportRGB(&picture, image.pixels.data(), image.size.width * 3) ||
      !WebPEncode(&config, &picture)) {
    return failed;
  }
  if (!exif.empty()) return WithExif(encoded, exif);
  return std::string(reinterpret_cast<const char*>(encoded.mem), encoded.size);
}

}  // namespace darkroom
