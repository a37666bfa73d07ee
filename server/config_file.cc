#include "server/config_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config_types.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace darkroom {
namespace {

constexpr size_t kMostBytes = 1 << 20;

absl::StatusOr<std::string> ReadText(const std::string& path) {
  if (const std::string error = ReadableFile().check(path); !error.empty()) {
    return absl::InvalidArgumentError(error);
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return absl::InvalidArgumentError(path + " cannot be read");
  if (!file.eof()) {
    return absl::InvalidArgumentError(path + " is larger than a configuration may be: 1 MiB");
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

ConfigValue ToConfigValue(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  const auto* array = node.as_array();
  if (array == nullptr) return std::monostate();
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::monostate();
    texts.push_back(text->get());
  }
  return texts;
}

}  // namespace

absl::StatusOr<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  const toml::parse_result parsed = toml::parse(*text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", error.source().begin.line, ": ", std::string(error.description())));
  }
  std::vector<std::pair<uint32_t, ConfigEntry>> found;
  for (const auto& [key, node] : parsed.table()) {
    const uint32_t line = key.source().begin.line;
    found.push_back({line,
                     {.key = std::string(key.str()),
                      .value = ToConfigValue(node),
                      .place = absl::StrCat(path, ":", line)}});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ConfigEntry> entries;
  for (auto& [line, entry] : found) entries.push_back(std::move(entry));
  return entries;
}

std::string ToToml(const ConfigValue& value) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    const auto append = [](std::string* out, const std::string& text) { *out += ToToml(text); };
    return absl::StrCat("[", absl::StrJoin(*texts, ", ", append), "]");
  }
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  const toml::value<std::string> text(std::get<std::string>(value));
  std::ostringstream out;
  out << toml::toml_formatter(text, toml::format_flags::allow_unicode_strings);
  return out.str();
}

}  // namespace darkroom
