#include "server/image_reply.h"

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/codec/image_file.h"
#include "server/generation_parameters.h"

namespace darkroom {
namespace {

constexpr int kPreviewQuality = 75;

ImageFileFormat FileFormatOf(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_FORMAT_JPEG: return ImageFileFormat::kJpeg;
    case v1::IMAGE_FORMAT_WEBP: return ImageFileFormat::kWebp;
    default: return ImageFileFormat::kPng;
  }
}

v1::Image Describe(const ParsedRequest& parsed, size_t index, v1::FinishReason reason) {
  const ImageRequest& made_from = parsed.images[index];
  v1::Image reply;
  reply.set_format(parsed.format);
  reply.set_seed(made_from.seed);
  reply.set_index(static_cast<uint32_t>(index));
  reply.set_width(static_cast<uint32_t>(made_from.size.width));
  reply.set_height(static_cast<uint32_t>(made_from.size.height));
  reply.set_finish_reason(reason);
  return reply;
}

}  // namespace

absl::StatusOr<v1::Image> PackImage(const v1::GenerateImagesRequest& request,
                                    const ParsedRequest& parsed, size_t index,
                                    const RgbImage& image, const ModelInfo& model) try {
  v1::Image reply = Describe(parsed, index, v1::FINISH_REASON_DONE);
  if (parsed.format == v1::IMAGE_FORMAT_RAW_RGB) {
    reply.mutable_data()->assign(image.pixels.begin(), image.pixels.end());
    return reply;
  }
  std::vector<ImageText> texts;
  if (parsed.embed_parameters) texts = DescribeImage(request, parsed.images[index], model);
  absl::StatusOr<std::string> file =
      WriteImageFile(FileFormatOf(parsed.format), image, parsed.quality, texts);
  if (!file.ok()) return file.status();
  reply.set_data(*std::move(file));
  return reply;
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the image could not be packed: ", error.what()));
}

v1::Image FilteredImage(const ParsedRequest& parsed, size_t index) {
  return Describe(parsed, index, v1::FINISH_REASON_FILTERED);
}

absl::StatusOr<v1::Preview> PackPreview(size_t index, int step, const RgbImage& image) try {
  absl::StatusOr<std::string> file =
      WriteImageFile(ImageFileFormat::kJpeg, image, kPreviewQuality, {});
  if (!file.ok()) return file.status();
  v1::Preview preview;
  preview.set_index(static_cast<uint32_t>(index));
  preview.set_step(static_cast<uint32_t>(step));
  preview.set_data(*std::move(file));
  preview.set_width(static_cast<uint32_t>(image.size.width));
  preview.set_height(static_cast<uint32_t>(image.size.height));
  return preview;
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the preview could not be packed: ", error.what()));
}

}  // namespace darkroom
