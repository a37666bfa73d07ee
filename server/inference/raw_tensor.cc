#include "server/inference/raw_tensor.h"

#include <utility>

namespace darkroom {
namespace {

constexpr size_t kLengthBytes = sizeof(uint32_t);

}  // namespace

std::optional<std::vector<std::string_view>> UnpackBytes(std::string_view raw, size_t count) {
  if (raw.size() / kLengthBytes < count) return std::nullopt;  // Before memory is spent.
  std::vector<std::string_view> elements;
  elements.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (raw.size() < kLengthBytes) return std::nullopt;
    uint32_t length = 0;
    std::memcpy(&length, raw.data(), kLengthBytes);
    raw.remove_prefix(kLengthBytes);
    if (raw.size() < length) return std::nullopt;
    elements.push_back(raw.substr(0, length));
    raw.remove_prefix(length);
  }
  if (!raw.empty()) return std::nullopt;
  return elements;
}

std::string PackBytes(std::span<const std::string_view> elements) {
  size_t size = 0;
  for (const std::string_view element : elements) size += kLengthBytes + element.size();
  std::string raw;
  raw.reserve(size);
  for (const std::string_view element : elements) {
    const uint32_t length = static_cast<uint32_t>(element.size());
    raw.append(reinterpret_cast<const char*>(&length), kLengthBytes);
    raw.append(element);
  }
  return raw;
}

}  // namespace darkroom
