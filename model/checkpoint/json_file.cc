#include "model/checkpoint/json_file.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/safetensors.h"

namespace darkroom {
namespace {

constexpr size_t kMaxTextBytes = 64'000'000;

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
  nlohmann::json object = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return object;
  return absl::InvalidArgumentError(absl::StrCat(path, ": is not a JSON object"));
}

}  // namespace darkroom
