#include "model/checkpoint/json_file.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/safetensors.h"

namespace darkroom {
namespace {

constexpr size_t kMaxTextBytes = 64'000'000;
constexpr int kMaxDepth = 16;

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const std::span<const std::byte> bytes = (*file)->bytes();
  if (bytes.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is larger than 64 MB"));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  // Copying and comparing a value recurse into it.
  bool too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  nlohmann::json object = nlohmann::json::parse(*text, check_depth, /*allow_exceptions=*/false);
  if (too_deep) return absl::InvalidArgumentError(absl::StrCat(path, ": is nested too deeply"));
  if (object.is_object()) return object;
  return absl::InvalidArgumentError(absl::StrCat(path, ": is not a JSON object"));
}

}  // namespace darkroom
