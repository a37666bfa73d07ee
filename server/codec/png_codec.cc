#include "server/codec/png_codec.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_replace.h"
#include "server/codec/exif.h"

namespace darkroom {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);
constexpr size_t kHeaderBytes = 13;       // Of the chunk IHDR.
constexpr size_t kChunkFrameBytes = 12;   // Length, type and checksum.
constexpr uint32_t kMaxSide = 1'000'000;  // libpng keeps some rows beside the picture.
constexpr int kCompressionLevel = 3;      // A third of level 6's time, a few per cent larger.

absl::Status Broken(const char* how) { return absl::InvalidArgumentError(how); }

uint32_t Number(std::string_view bytes) {
  uint32_t number = 0;
  for (const char byte : bytes.substr(0, 4)) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

struct Chunk {
  std::string_view type, data;
  bool is_intact = false;
};

// Takes the first chunk off `rest`; false when that is cut off.
bool TakeChunk(std::string_view& rest, Chunk& chunk) {
  if (rest.size() < kChunkFrameBytes) return false;
  const size_t length = Number(rest);
  if (length > rest.size() - kChunkFrameBytes) return false;
  chunk.type = rest.substr(4, 4);
  chunk.data = rest.substr(8, length);
  const bool is_small = length <= UINT16_MAX;  // Of the large ones, libpng sums what it reads.
  chunk.is_intact = is_small && Number(rest.substr(8 + length)) ==
                                    crc32(0, reinterpret_cast<const Bytef*>(rest.data() + 4),
                                          static_cast<uInt>(length + 4));
  rest.remove_prefix(length + kChunkFrameBytes);
  return true;
}

struct Source {
  const char* at;
  size_t left;
};

void Read(png_structp png, png_bytep out, size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->left) png_error(png, "cut off");
  std::memcpy(out, source->at, size);
  source->at += size;
  source->left -= size;
}

void Append(png_structp png, png_bytep data, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(data), size);
}

void Flush(png_structp) {}

[[noreturn]] void Leave(png_structp png, png_const_charp) { png_longjmp(png, 1); }

void Ignore(png_structp, png_const_charp) {}

// libpng leaves by longjmp when it fails: nothing with a destructor may live in the next two.
bool ReadRows(png_structp png, png_infop info, ImageSize size, uint8_t* pixels) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  // Texts, profiles and the like are passed over, not unpacked.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_user_limits(png, kMaxSide, kMaxSide);
  png_read_info(png, info);
  if (png_get_image_width(png, info) != static_cast<png_uint_32>(size.width) ||
      png_get_image_height(png, info) != static_cast<png_uint_32>(size.height)) {
    return false;
  }
  png_set_palette_to_rgb(png);
  png_set_expand_gray_1_2_4_to_8(png);
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const size_t stride = static_cast<size_t>(size.width) * 3;
  if (png_get_rowbytes(png, info) != stride) return false;
  // Not png_read_image: its list of rows is larger than a picture one pixel wide.
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < size.height; ++y) {
      png_read_row(png, pixels + static_cast<size_t>(y) * stride, nullptr);
    }
  }
  png_read_end(png, nullptr);
  return true;
}

bool WriteRows(png_structp png, png_infop info, const RgbImage& image, png_textp texts, int count) {
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

// Whether depth, colour type, compression, filter and interlacing of the chunk IHDR are the
// standard's (PNG 3, table 11.1), with at most 8 bits a channel.
bool IsKnownKind(std::string_view header) {
  constexpr std::string_view kColours("\0\2\3\4\6", 5), kMethods("\0\0", 2);
  const char depth = header[8], colour = header[9], interlacing = header[12];
  const bool may_divide_bytes = colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_PALETTE;
  const std::string_view depths = may_divide_bytes ? "\1\2\4\x08" : "\x08";
  return depths.find(depth) != depths.npos && kColours.find(colour) != kColours.npos &&
         header.substr(10, 2) == kMethods && (interlacing == 0 || interlacing == 1);
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<signed char>(c) > 0; });
}

}  // namespace

bool IsPng(std::string_view file) { return file.substr(0, kSignature.size()) == kSignature; }

absl::StatusOr<StoredImage> InspectPng(std::string_view file) {
  std::string_view rest = file.substr(kSignature.size());
  Chunk chunk;
  if (!TakeChunk(rest, chunk)) return Broken("is cut off");
  if (chunk.type != "IHDR" || chunk.data.size() != kHeaderBytes || !chunk.is_intact) {
    return Broken("has a broken PNG header");
  }
  const uint32_t width = Number(chunk.data), height = Number(chunk.data.substr(4));
  if (width == 0 || height == 0) return Broken("has a broken PNG header");
  if (width > kMaxSide || height > kMaxSide) return Broken("has a side of over 1000000 pixels");
  if (chunk.data[8] == 16) return Broken("has 16 bits a channel; 8 are read");
  if (!IsKnownKind(chunk.data)) return Broken("has a broken PNG header");
  StoredImage stored{.size = {static_cast<int>(height), static_cast<int>(width)}};
  while (chunk.type != "IEND") {
    if (!TakeChunk(rest, chunk)) return Broken("is cut off");
    if (chunk.type == "acTL") return Broken("is animated");
    if (chunk.type == "eXIf" && chunk.is_intact) stored.orientation = ReadOrientation(chunk.data);
  }
  return stored;
}

absl::StatusOr<RgbImage> ReadPng(std::string_view file, ImageSize size) {
  RgbImage image{size, {}};
  image.pixels.resize(static_cast<size_t>(size.height) * static_cast<size_t>(size.width) * 3);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, Leave, Ignore);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  Source source{file.data(), file.size()};
  bool read = false;
  if (info != nullptr) {
    png_set_read_fn(png, &source, Read);
    read = ReadRows(png, info, size, image.pixels.data());
  }
  png_destroy_read_struct(&png, &info, nullptr);
  if (!read) return Broken("is a broken PNG file");
  return image;
}

absl::StatusOr<std::string> WritePng(const RgbImage& image, const std::vector<ImageText>& texts) {
  std::vector<ImageText> owned = texts;
  std::vector<png_text> chunks;
  for (ImageText& text : owned) {
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
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, Leave, Ignore);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  bool written = false;
  if (info != nullptr) {
    png_set_write_fn(png, &file, Append, Flush);
    written = WriteRows(png, info, image, chunks.data(), static_cast<int>(chunks.size()));
  }
  png_destroy_write_struct(&png, &info);
  if (!written) return absl::InternalError("the image could not be packed as PNG");
  return file;
}

}  // namespace darkroom
