#include "server/codec/exif.h"

#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace darkroom {
namespace {

constexpr std::string_view kPrefix("Exif\0\0", 6);
constexpr uint16_t kImageDescription = 0x010E;
constexpr uint16_t kOrientation = 0x0112;
constexpr uint16_t kExifFolder = 0x8769;
constexpr uint16_t kUserComment = 0x9286;
enum Type : uint16_t { kAscii = 2, kShort = 3, kLong = 4, kUndefined = 7 };
constexpr size_t kEntryBytes = 12;
constexpr size_t kFirstFolder = 8;  // Behind the header.

// Numbers of a TIFF file in its own byte order; absent where the file ends.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), big_endian_(bytes.substr(0, 2) == "MM") {}

  bool is_tiff() const {
    return (big_endian_ || bytes_.substr(0, 2) == "II") && Number(2, 2) == 42;
  }

  std::optional<uint32_t> Number(size_t at, size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return std::nullopt;
    uint32_t number = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t place = big_endian_ ? i : size - 1 - i;
      number = number << 8 | static_cast<uint8_t>(bytes_[at + place]);
    }
    return number;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

void Append(std::string& out, uint32_t number, size_t size) {
  for (size_t i = size; i > 0; --i) out.push_back(static_cast<char>(number >> (8 * (i - 1))));
}

struct Entry {
  uint16_t tag;
  Type type;
  std::string value;
};

// A folder of entries at this place of a big-endian TIFF file, its values behind it.
std::string Folder(const std::vector<Entry>& entries, size_t at) {
  std::string folder, values;
  Append(folder, static_cast<uint32_t>(entries.size()), 2);
  const size_t values_at = at + 2 + entries.size() * kEntryBytes + 4;
  for (const Entry& entry : entries) {
    const size_t count = entry.type == kLong ? 1 : entry.value.size();
    Append(folder, entry.tag, 2);
    Append(folder, entry.type, 2);
    Append(folder, static_cast<uint32_t>(count), 4);
    if (entry.value.size() <= 4) {
      folder += entry.value + std::string(4 - entry.value.size(), '\0');
      continue;
    }
    Append(folder, static_cast<uint32_t>(values_at + values.size()), 4);
    values += entry.value;
    if (values.size() % 2 != 0) values.push_back('\0');
  }
  Append(folder, 0, 4);  // No folder follows.
  return folder + values;
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 128; });
}

// A text behind the eight letters that name its encoding: ASCII, or big-endian UTF-16.
std::string UserComment(const std::string& text) {
  if (IsAscii(text)) return std::string("ASCII\0\0\0", 8) + text;
  std::string comment("UNICODE\0", 8);
  const auto wide = icu::UnicodeString::fromUTF8(text);
  for (int32_t i = 0; i < wide.length(); ++i) Append(comment, wide.charAt(i), 2);
  return comment;
}

std::string Ascii(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) > 127 || c == 0; },
      '?');
  text.push_back('\0');
  return text;
}

}  // namespace

int ReadOrientation(std::string_view exif) {
  if (exif.substr(0, kPrefix.size()) == kPrefix) exif.remove_prefix(kPrefix.size());
  const Tiff tiff(exif);
  if (!tiff.is_tiff()) return 1;
  const size_t folder = tiff.Number(4, 4).value_or(0);
  const size_t count = tiff.Number(folder, 2).value_or(0);
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = folder + 2 + i * kEntryBytes;
    if (tiff.Number(entry, 2) != kOrientation || tiff.Number(entry + 2, 2) != kShort) continue;
    const uint32_t orientation = tiff.Number(entry + 8, 2).value_or(1);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

std::string WriteExif(const std::vector<ImageText>& texts, size_t max_bytes) {
  std::string description, comment;
  for (const ImageText& text : texts) {
    if (text.key == "darkroom") description = Ascii(text.text);
    if (text.key == "parameters") comment = UserComment(text.text);
  }
  while (!description.empty() || !comment.empty()) {
    std::vector<Entry> entries;
    if (!description.empty()) entries.push_back({kImageDescription, kAscii, description});
    std::string exif("MM\0*\0\0\0\x08", kFirstFolder);
    if (comment.empty()) {
      exif += Folder(entries, kFirstFolder);
    } else {
      entries.push_back({kExifFolder, kLong, std::string(4, '\0')});
      const size_t second = kFirstFolder + Folder(entries, kFirstFolder).size();
      entries.back().value.clear();
      Append(entries.back().value, static_cast<uint32_t>(second), 4);
      exif += Folder(entries, kFirstFolder) + Folder({{kUserComment, kUndefined, comment}}, second);
    }
    if (exif.size() <= max_bytes) return exif;
    (description.empty() ? comment : description).clear();
  }
  return "";
}

}  // namespace darkroom
