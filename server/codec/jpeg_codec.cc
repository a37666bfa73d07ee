#include "server/codec/jpeg_codec.h"

#include <cstdio>
// libjpeg's header needs stdio's.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "server/codec/exif.h"

namespace darkroom {
namespace {

constexpr std::string_view kExifPrefix("Exif\0\0", 6);
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr int kMaxScans = 100;  // A progressive file of more is made to waste time.
constexpr int kFineColourQuality = 90;

absl::Status Broken(const char* how) { return absl::InvalidArgumentError(how); }

// libjpeg's errors leave by longjmp to `begin`.
struct Errors {
  jpeg_error_mgr manager;
  std::jmp_buf begin;
};

[[noreturn]] void Leave(j_common_ptr jpeg) {
  std::longjmp(reinterpret_cast<Errors*>(jpeg->err)->begin, 1);
}

// Where libjpeg would go on with gray, the file is broken; other warnings are of no harm.
void OnWarning(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL: Leave(jpeg);
    default: return;
  }
}

void Ignore(j_common_ptr) {}

jpeg_error_mgr* Set(Errors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = Leave;
  errors.manager.emit_message = OnWarning;
  errors.manager.output_message = Ignore;
  return &errors.manager;
}

void CountScans(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMaxScans) Leave(jpeg);
}

// Owns what libjpeg allocates, so that it goes whichever way a function is left.
struct Reader {
  Reader() {
    jpeg.err = Set(errors);
    jpeg_create_decompress(&jpeg);
    progress.progress_monitor = CountScans;
    jpeg.progress = &progress;
  }
  ~Reader() { jpeg_destroy_decompress(&jpeg); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  jpeg_decompress_struct jpeg = {};
  Errors errors = {};
  jpeg_progress_mgr progress = {};
  std::string_view exif;  // The first EXIF segment, in the file's own bytes.
};

// Notes where the EXIF segment lies: libjpeg's own way is to copy every segment of its kind. The
// file lies in memory whole, so all of it is in the source's buffer.
boolean NoteExif(j_decompress_ptr jpeg) {
  const std::string_view rest(reinterpret_cast<const char*>(jpeg->src->next_input_byte),
                              jpeg->src->bytes_in_buffer);
  if (rest.size() < 2) Leave(reinterpret_cast<j_common_ptr>(jpeg));
  const size_t length = static_cast<size_t>(static_cast<uint8_t>(rest[0]) << 8 |
                                            static_cast<uint8_t>(rest[1]));  // Counts itself.
  if (length < 2 || length > rest.size()) Leave(reinterpret_cast<j_common_ptr>(jpeg));
  const std::string_view segment = rest.substr(2, length - 2);
  auto& exif = static_cast<Reader*>(jpeg->client_data)->exif;
  if (exif.empty() && segment.substr(0, kExifPrefix.size()) == kExifPrefix) exif = segment;
  jpeg->src->skip_input_data(jpeg, static_cast<long>(length));  // NOLINT: libjpeg's type.
  return TRUE;
}

// Nothing with a destructor may live in the functions that are jumped out of.
bool ReadHeader(Reader& reader, std::string_view file) {
  if (setjmp(reader.errors.begin)) return false;
  jpeg_mem_src(&reader.jpeg, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  reader.jpeg.client_data = &reader;
  jpeg_set_marker_processor(&reader.jpeg, kExifMarker, NoteExif);
  return jpeg_read_header(&reader.jpeg, TRUE) == JPEG_HEADER_OK;
}

// a * b / 255, rounded.
int Scaled(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// Adobe's CMYK, whose 0 is full ink, as RGB.
void FromCmyk(const uint8_t* cmyk, size_t pixels, uint8_t* rgb) {
  for (; pixels > 0; --pixels, cmyk += 4) {
    const int light = cmyk[3];
    for (size_t c = 0; c < 3; ++c) {
      *rgb++ = static_cast<uint8_t>(light - Scaled(255 - cmyk[c], light));
    }
  }
}

// `cmyk_row`: room for a row of four channels, or null where libjpeg gives RGB.
bool ReadRows(Reader& reader, uint8_t* pixels, uint8_t* cmyk_row) {
  if (setjmp(reader.errors.begin)) return false;
  jpeg_start_decompress(&reader.jpeg);
  const size_t width = reader.jpeg.output_width;
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    uint8_t* rgb_row = pixels + reader.jpeg.output_scanline * width * 3;
    JSAMPROW row = cmyk_row == nullptr ? rgb_row : cmyk_row;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
    if (cmyk_row != nullptr) FromCmyk(cmyk_row, width, rgb_row);
  }
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

// Owns what libjpeg allocates for a file.
struct Writer {
  Writer() {
    jpeg.err = Set(errors);
    jpeg_create_compress(&jpeg);
  }
  ~Writer() {
    jpeg_destroy_compress(&jpeg);
    std::free(bytes);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  jpeg_compress_struct jpeg = {};
  Errors errors = {};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type.
};

bool WriteRows(Writer& writer, const RgbImage& image, int quality, const std::string& segment) {
  if (setjmp(writer.errors.begin)) return false;
  jpeg_mem_dest(&writer.jpeg, &writer.bytes, &writer.size);
  writer.jpeg.image_width = static_cast<JDIMENSION>(image.size.width);
  writer.jpeg.image_height = static_cast<JDIMENSION>(image.size.height);
  writer.jpeg.input_components = 3;
  writer.jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&writer.jpeg);
  jpeg_set_quality(&writer.jpeg, quality, TRUE);
  writer.jpeg.optimize_coding = TRUE;
  if (quality >= kFineColourQuality) {
    writer.jpeg.comp_info[0].h_samp_factor = 1;
    writer.jpeg.comp_info[0].v_samp_factor = 1;
  }
  jpeg_start_compress(&writer.jpeg, TRUE);
  if (!segment.empty()) {
    jpeg_write_marker(&writer.jpeg, kExifMarker, reinterpret_cast<const JOCTET*>(segment.data()),
                      static_cast<unsigned>(segment.size()));
  }
  const size_t stride = static_cast<size_t>(image.size.width) * 3;
  while (writer.jpeg.next_scanline < writer.jpeg.image_height) {
    // libjpeg asks for rows that it may change, and does not.
    JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data()) + writer.jpeg.next_scanline * stride;
    jpeg_write_scanlines(&writer.jpeg, &row, 1);
  }
  jpeg_finish_compress(&writer.jpeg);
  return true;
}

}  // namespace

bool IsJpeg(std::string_view file) { return file.substr(0, 3) == "\xFF\xD8\xFF"; }

absl::StatusOr<StoredImage> InspectJpeg(std::string_view file) {
  Reader reader;
  if (!ReadHeader(reader, file)) return Broken("has a broken JPEG header");
  // Its decoder makes up pixels without end from no bytes at all, and hardly anyone writes it.
  if (reader.jpeg.arith_code) return Broken("has arithmetic coding; Huffman coding is read");
  return StoredImage{.size = {static_cast<int>(reader.jpeg.image_height),
                              static_cast<int>(reader.jpeg.image_width)},
                     .orientation = ReadOrientation(reader.exif)};
}

absl::StatusOr<RgbImage> ReadJpeg(std::string_view file, ImageSize size) {
  Reader reader;
  if (!ReadHeader(reader, file)) return Broken("has a broken JPEG header");
  const bool is_cmyk =
      reader.jpeg.jpeg_color_space == JCS_CMYK || reader.jpeg.jpeg_color_space == JCS_YCCK;
  reader.jpeg.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  const auto width = static_cast<size_t>(size.width);
  RgbImage image{size, {}};
  image.pixels.resize(static_cast<size_t>(size.height) * width * 3);
  std::vector<uint8_t> cmyk_row(is_cmyk ? width * 4 : 0);
  if (!ReadRows(reader, image.pixels.data(), is_cmyk ? cmyk_row.data() : nullptr)) {
    return Broken("is a broken JPEG file");
  }
  return image;
}

absl::StatusOr<std::string> WriteJpeg(const RgbImage& image, int quality, const std::string& exif) {
  Writer writer;
  const std::string segment = exif.empty() ? "" : std::string(kExifPrefix) + exif;
  if (!WriteRows(writer, image, quality, segment)) {
    return absl::InternalError("the image could not be packed as JPEG");
  }
  return std::string(reinterpret_cast<const char*>(writer.bytes), writer.size);
}

}  // namespace darkroom
