#include "server/image_codec.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>

#include "absl/strings/str_replace.h"

namespace darkroom {
namespace {

constexpr int kCompressionLevel = 3;  // A third of level 6's time, a few per cent larger.

void Append(png_structp png, png_bytep data, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(data), size);
}

void Flush(png_structp) {}

// libpng leaves by longjmp when it fails: nothing with a destructor may live in here.
bool Write(png_structp png, png_infop info, const RgbImage& image, png_textp texts, int count) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_compression_level(png, kCompressionLevel);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.size.width),
               static_cast<png_uint_32>(image.size.height), 8, PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (count > 0) png_set_text(png, info, texts, count);
  png_write_info(png, info);
  const size_t stride = static_cast<size_t>(image.size.width) * 3;
  for (int y = 0; y < image.size.height; ++y) {
    png_write_row(png, image.pixels.data() + static_cast<size_t>(y) * stride);
  }
  png_write_end(png, info);
  return true;
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<signed char>(c) > 0; });
}

}  // namespace

absl::StatusOr<std::string> EncodePng(const RgbImage& image, const std::vector<PngText>& texts) {
  std::vector<PngText> owned = texts;
  std::vector<png_text> chunks;
  for (PngText& text : owned) {
    text.text = absl::StrReplaceAll(text.text, {{absl::string_view("\0", 1), "\xEF\xBF\xBD"}});
    png_text chunk = {};
    // Plain chunks are Latin-1 by the standard, so other letters take the international kind.
    chunk.compression = IsAscii(text.text) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = text.key.data();
    chunk.text = text.text.data();
    chunk.text_length = text.text.size();
    chunks.push_back(chunk);
  }
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  bool written = false;
  if (info != nullptr) {
    png_set_write_fn(png, &file, Append, Flush);
    written = Write(png, info, image, chunks.data(), static_cast<int>(chunks.size()));
  }
  png_destroy_write_struct(&png, &info);
  if (!written) return absl::InternalError("the image could not be packed as PNG");
  return file;
}

}  // namespace darkroom
