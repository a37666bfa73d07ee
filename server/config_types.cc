#include "server/config_types.h"

#include <sys/stat.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace darkroom {
namespace {

constexpr int kMaxGpus = 64;

bool IsPlainText(const std::string& text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 character;
    U8_NEXT(bytes, at, size, character);
    if (character < ' ' || character == '\x7f') return false;  // Below 0: no UTF-8.
  }
  return true;
}

std::string CheckPath(const std::string& path) {
  if (path.empty()) return "the path is empty";
  if (!IsPlainText(path)) return Quoted(path) + " is not UTF-8 without control characters";
  return "";
}

std::string CheckFile(const std::string& path) {
  if (std::string error = CheckPath(path); !error.empty()) return error;
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return absl::StrCat(path, ": ", std::strerror(errno));
  if (S_ISDIR(found.st_mode)) return path + " is a directory";
  // Not opened: a pipe would be waited for.
  if (access(path.c_str(), R_OK) != 0) return absl::StrCat(path, ": ", std::strerror(errno));
  return "";
}

std::string CheckAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (digits && colon > 0 && std::stoi(port) <= 65535 && IsPlainText(text)) return "";
  return Quoted(text) + " is not HOST:PORT";
}

}  // namespace

ConfigType NumberBetween(int64_t least, int64_t most) {
  const std::string range = absl::StrCat(least, " to ", most);
  return {absl::StrCat(least, "..", most), [=](const std::string& text) -> std::string {
            int64_t number;
            // One spelling for each number: neither "010", which may be meant as octal, nor "+1".
            if (absl::SimpleAtoi(text, &number) && absl::StrCat(number) == text &&
                number >= least && number <= most) {
              return "";
            }
            return absl::StrCat(Quoted(text), " is not a whole number from ", range);
          }};
}

ConfigType DurationBetween(absl::Duration least, absl::Duration most) {
  return {"DURATION", [=](const std::string& text) -> std::string {
            absl::Duration duration;
            if (!absl::ParseDuration(text, &duration)) {
              return Quoted(text) + " is not a duration such as 10ms or 1.5s";
            }
            if (duration >= least && duration <= most) return "";
            return absl::StrCat(Quoted(text), " is not from ", absl::FormatDuration(least), " to ",
                                absl::FormatDuration(most));
          }};
}

ConfigType OneOf(std::vector<std::string> names) {
  std::string list = absl::StrJoin(names, "|");
  return {list, [names = std::move(names), list](const std::string& text) -> std::string {
            if (std::find(names.begin(), names.end(), text) != names.end()) return "";
            return absl::StrCat(Quoted(text), " is not ", list);
          }};
}

ConfigType Device() {
  return {"DEVICE", [](const std::string& text) -> std::string {
            constexpr absl::string_view kNumbered = "cuda:";
            int number;
            if (text == "cpu" || text == "cuda") return "";
            if (absl::StartsWith(text, kNumbered) &&
                absl::SimpleAtoi(text.substr(kNumbered.size()), &number) && number >= 0 &&
                number < kMaxGpus && absl::StrCat(kNumbered, number) == text) {
              return "";
            }
            return absl::StrCat(Quoted(text), " is not cpu, cuda or a GPU's number as in cuda:1");
          }};
}

ConfigType Address() { return {"HOST:PORT", CheckAddress}; }

ConfigType Path(std::string name) { return {std::move(name), CheckPath}; }

ConfigType ReadableFile() { return {"FILE", CheckFile}; }

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, 64)), "\"");
}

}  // namespace darkroom
