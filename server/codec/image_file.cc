#include "server/codec/image_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/codec/exif.h"
#include "server/codec/jpeg_codec.h"
#include "server/codec/orientation.h"
#include "server/codec/png_codec.h"
#include "server/codec/webp_codec.h"

namespace darkroom {
namespace {

constexpr size_t kMaxExifBytes = size_t{1} << 20;

struct Inspected {
  ImageFileFormat format;
  StoredImage stored;
};

absl::StatusOr<Inspected> InspectStored(std::string_view file) {
  Inspected inspected;
  absl::StatusOr<StoredImage> stored = absl::InvalidArgumentError("is not PNG, JPEG or WebP");
  if (IsPng(file)) {
    inspected.format = ImageFileFormat::kPng;
    stored = InspectPng(file);
  } else if (IsJpeg(file)) {
    inspected.format = ImageFileFormat::kJpeg;
    stored = InspectJpeg(file);
  } else if (IsWebp(file)) {
    inspected.format = ImageFileFormat::kWebp;
    stored = InspectWebp(file);
  }
  if (!stored.ok()) return stored.status();
  const int64_t pixels = int64_t{stored->size.height} * stored->size.width;
  if (pixels > kMaxReadPixels) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", pixels, " pixels, more than ", kMaxReadPixels));
  }
  inspected.stored = *stored;
  return inspected;
}

absl::StatusOr<RgbImage> ReadStored(std::string_view file, const Inspected& inspected) {
  switch (inspected.format) {
    case ImageFileFormat::kPng: return ReadPng(file, inspected.stored.size);
    case ImageFileFormat::kJpeg: return ReadJpeg(file, inspected.stored.size);
    case ImageFileFormat::kWebp: return ReadWebp(file, inspected.stored.size);
  }
  return absl::InternalError("unknown format");
}

}  // namespace

absl::StatusOr<ImageFileInfo> InspectImageFile(std::string_view file) {
  const absl::StatusOr<Inspected> inspected = InspectStored(file);
  if (!inspected.ok()) return inspected.status();
  return ImageFileInfo{inspected->format,
                       UprightSize(inspected->stored.size, inspected->stored.orientation)};
}

absl::StatusOr<RgbImage> ReadImageFile(std::string_view file) {
  const absl::StatusOr<Inspected> inspected = InspectStored(file);
  if (!inspected.ok()) return inspected.status();
  absl::StatusOr<RgbImage> image = ReadStored(file, *inspected);
  if (!image.ok()) return image;
  return Upright(*std::move(image), inspected->stored.orientation);
}

absl::StatusOr<std::string> WriteImageFile(ImageFileFormat format, const RgbImage& image,
                                           int quality, const std::vector<ImageText>& texts) {
  switch (format) {
    case ImageFileFormat::kPng: return WritePng(image, texts);
    case ImageFileFormat::kJpeg:
      return WriteJpeg(image, quality, WriteExif(texts, kMaxJpegExifBytes));
    case ImageFileFormat::kWebp: return WriteWebp(image, quality, WriteExif(texts, kMaxExifBytes));
  }
  return absl::InternalError("unknown format");
}

}  // namespace darkroom
