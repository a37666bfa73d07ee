#include "client/cli/contact_sheet.h"

#include <png.h>

#include <algorithm>
#include <cmath>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr size_t kChannels = 3;
constexpr size_t kMaxImagePixels = size_t{64} << 20;
constexpr size_t kMaxSheetPixels = size_t{256} << 20;

// The server's word for a size, before memory is spent on it.
absl::Status CheckSize(uint32_t width, uint32_t height) {
  if (size_t{width} * height <= kMaxImagePixels) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("an image of ", width, "x", height, " pixels is too large for a contact sheet"));
}

absl::StatusOr<RgbImage> DecodePng(const std::string& data) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  absl::Cleanup free_png = [&png] { png_image_free(&png); };
  if (!png_image_begin_read_from_memory(&png, data.data(), data.size())) {
    return absl::DataLossError(absl::StrCat("not a PNG: ", png.message));
  }
  if (absl::Status fits = CheckSize(png.width, png.height); !fits.ok()) return fits;
  png.format = PNG_FORMAT_RGB;
  RgbImage image{png.width, png.height, std::vector<uint8_t>(PNG_IMAGE_SIZE(png))};
  const png_color white = {255, 255, 255};
  if (!png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr)) {
    return absl::DataLossError(absl::StrCat("broken PNG: ", png.message));
  }
  return image;
}

absl::StatusOr<RgbImage> DecodeRaw(const v1::Image& image) {
  const std::string& data = image.data();
  if (absl::Status fits = CheckSize(image.width(), image.height()); !fits.ok()) return fits;
  if (data.size() != size_t{image.width()} * image.height() * kChannels) {
    return absl::DataLossError(absl::StrCat("raw image of ", image.width(), "x", image.height(),
                                            " pixels with ", data.size(), " bytes"));
  }
  return RgbImage{image.width(), image.height(), std::vector<uint8_t>(data.begin(), data.end())};
}

// Rows of pointers into `prompts`, as they stand on the sheet.
std::vector<std::vector<const RgbImage*>> Layout(
    const std::vector<std::vector<RgbImage>>& prompts) {
  std::vector<std::vector<const RgbImage*>> rows;
  size_t count = 0;
  size_t longest = 0;
  for (const std::vector<RgbImage>& images : prompts) {
    count += images.size();
    longest = std::max(longest, images.size());
  }
  const auto side = static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  for (const std::vector<RgbImage>& images : prompts) {
    if (images.empty()) continue;
    const bool new_row = longest > 1 || rows.empty() || rows.back().size() == side;
    if (new_row) rows.emplace_back();
    for (const RgbImage& image : images) rows.back().push_back(&image);
  }
  return rows;
}

void Paste(const RgbImage& image, size_t left, size_t top, RgbImage& sheet) {
  const size_t row_bytes = image.width * kChannels;
  for (size_t y = 0; y < image.height; ++y) {
    std::copy_n(image.pixels.begin() + y * row_bytes, row_bytes,
                sheet.pixels.begin() + ((top + y) * sheet.width + left) * kChannels);
  }
}

}  // namespace

absl::StatusOr<RgbImage> DecodeImage(const v1::Image& image) {
  switch (image.format()) {
    case v1::IMAGE_FORMAT_PNG: return DecodePng(image.data());
    case v1::IMAGE_FORMAT_RAW_RGB: return DecodeRaw(image);
    default: return absl::UnimplementedError("a contact sheet takes PNG and raw images only");
  }
}

absl::StatusOr<RgbImage> ArrangeSheet(const std::vector<std::vector<RgbImage>>& prompts) {
  const std::vector<std::vector<const RgbImage*>> rows = Layout(prompts);
  size_t columns = 0;
  size_t cell_width = 0;
  size_t cell_height = 0;
  for (const auto& row : rows) {
    columns = std::max(columns, row.size());
    for (const RgbImage* image : row) {
      cell_width = std::max(cell_width, image->width);
      cell_height = std::max(cell_height, image->height);
    }
  }
  if (columns == 0) return absl::InvalidArgumentError("no images for a contact sheet");

  RgbImage sheet;
  sheet.width = kSheetGap + columns * (cell_width + kSheetGap);
  sheet.height = kSheetGap + rows.size() * (cell_height + kSheetGap);
  if (sheet.width > kMaxSheetPixels / sheet.height) {
    return absl::ResourceExhaustedError("too many images for one contact sheet");
  }
  sheet.pixels.assign(sheet.width * sheet.height * kChannels, 255);
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t column = 0; column < rows[row].size(); ++column) {
      Paste(*rows[row][column], kSheetGap + column * (cell_width + kSheetGap),
            kSheetGap + row * (cell_height + kSheetGap), sheet);
    }
  }
  return sheet;
}

absl::StatusOr<std::string> EncodePng(const RgbImage& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  absl::Cleanup free_png = [&png] { png_image_free(&png); };

  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr)) {
    return absl::InternalError(absl::StrCat("cannot encode the contact sheet: ", png.message));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace darkroom
