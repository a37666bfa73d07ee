#include "model/checkpoint/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // The format's own limit.
constexpr int kMaxDepth = 4;                       // {name: {"shape": [..]}} needs three.

absl::Status Broken(const std::string& path, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", rule));
}

// Bytes per value; nothing for a dtype that the format does not know.
std::optional<uint64_t> ValueSize(const std::string& dtype) {
  static const std::map<std::string, uint64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const auto size = sizes.find(dtype);
  if (size == sizes.end()) return std::nullopt;
  return size->second;
}

// Parses the header, refusing what nlohmann would let pass: keys named twice, and nesting.
absl::StatusOr<json> ParseHeader(const std::string& path, std::span<const std::byte> header) {
  std::vector<std::set<std::string>> keys;
  std::string broken_rule;
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kMaxDepth) broken_rule = "the header is nested too deeply";
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.empty()) {
      const std::string key = value.get<std::string>();
      if (!keys.back().insert(key).second) {
        broken_rule = absl::StrCat("the header names the key \"", key.substr(0, 64), "\" twice");
      }
    }
    return broken_rule.empty();
  };
  const char* begin = reinterpret_cast<const char*>(header.data());
  json parsed = json::parse(begin, begin + header.size(), check, /*allow_exceptions=*/false);
  if (!broken_rule.empty()) return Broken(path, broken_rule);
  if (parsed.is_discarded()) return Broken(path, "the header is not valid JSON");
  if (!parsed.is_object()) return Broken(path, "the header is not a JSON object");
  return parsed;
}

// shape x value size in bytes; nothing where that does not fit 63 bits.
std::optional<uint64_t> ByteSize(const std::vector<int64_t>& shape, uint64_t value_size) {
  int64_t size = static_cast<int64_t>(value_size);
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return static_cast<uint64_t>(size);
}

struct Entry {
  std::string name;
  StoredTensor tensor;
  uint64_t begin = 0;
  uint64_t end = 0;
};

absl::StatusOr<Entry> ParseEntry(const std::string& path, const std::string& name,
                                 const json& value) {
  const auto broken = [&](const std::string& rule) {
    return Broken(path, absl::StrCat("tensor \"", name.substr(0, 128), "\" ", rule));
  };
  const auto is_size = [](const json& number) { return number.is_number_unsigned(); };
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    return broken("must have exactly dtype, shape and data_offsets");
  }
  const json& shape = value["shape"];
  const json& offsets = value["data_offsets"];
  if (!value["dtype"].is_string()) return broken("has a dtype that is not a string");
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_size)) {
    return broken("has a shape that is not an array of sizes");
  }
  if (!offsets.is_array() || offsets.size() != 2 ||
      !std::all_of(offsets.begin(), offsets.end(), is_size)) {
    return broken("has data_offsets that are not two offsets");
  }
  Entry entry;
  entry.name = name;
  entry.tensor.dtype = value["dtype"].get<std::string>();
  entry.tensor.shape = shape.get<std::vector<int64_t>>();
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  const std::optional<uint64_t> value_size = ValueSize(entry.tensor.dtype);
  if (!value_size) return broken("has an unknown dtype");
  if (entry.begin > entry.end) return broken("has reversed data_offsets");
  const std::optional<uint64_t> size = ByteSize(entry.tensor.shape, *value_size);
  if (!size) return broken("has a shape too large to be true");
  if (entry.end - entry.begin != *size) return broken("has data_offsets that contradict its shape");
  return entry;
}

// Checks that the entries tile the data exactly.
absl::Status CheckTiling(const std::string& path, std::vector<Entry>& entries, uint64_t data_size) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected) {
      return Broken(path, absl::StrCat("tensor \"", entry.name.substr(0, 128), "\" ",
                                       entry.begin < expected ? "overlaps the one before it"
                                                              : "leaves a hole before it"));
    }
    expected = entry.end;
  }
  if (expected != data_size) {
    return Broken(path, absl::StrCat("the header describes ", expected, " bytes, the file holds ",
                                     data_size));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place is refused below, not waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  const absl::Cleanup close_file = [fd] { close(fd); };
  struct stat info = {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return Broken(path, "is not a file");
  const size_t size = static_cast<size_t>(info.st_size);
  if (size == 0) return Broken(path, "is empty");
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return Broken(path, std::strerror(errno));
  return std::shared_ptr<const MappedFile>(
      new MappedFile({static_cast<const std::byte*>(data), size}));
}

MappedFile::~MappedFile() { munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  auto mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  SafetensorsFile result;
  result.file_ = *std::move(mapped);
  std::span<const std::byte> bytes = result.file_->bytes();

  uint64_t header_size = 0;
  if (bytes.size() < sizeof(header_size)) return Broken(path, "is too short for a header");
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  bytes = bytes.subspan(sizeof(header_size));
  if (header_size > kMaxHeaderBytes) return Broken(path, "the header claims more than 100 MB");
  if (header_size > bytes.size()) return Broken(path, "the header claims more than the file holds");
  if (header_size < 2 || bytes[0] != std::byte{'{'}) {
    return Broken(path, "the header does not begin with {");
  }
  const absl::StatusOr<json> header = ParseHeader(path, bytes.first(header_size));
  if (!header.ok()) return header.status();
  bytes = bytes.subspan(header_size);

  std::vector<Entry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") continue;
    absl::StatusOr<Entry> entry = ParseEntry(path, name, value);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  if (absl::Status status = CheckTiling(path, entries, bytes.size()); !status.ok()) return status;
  for (Entry& entry : entries) {
    entry.tensor.bytes = bytes.subspan(entry.begin, entry.end - entry.begin);
    result.tensors_.emplace(entry.name, std::move(entry.tensor));
  }
  return result;
}

}  // namespace darkroom
