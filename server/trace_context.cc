#include "server/trace_context.h"

#include <algorithm>

namespace darkroom {
namespace {

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::string TraceIdOf(std::string_view header) {
  if (header.size() < kTraceparentSize || header[2] != '-' || header[35] != '-' ||
      header[52] != '-')
    return "";
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, 32);
  const std::string_view parent = header.substr(36, 16);
  if (!IsHex(version) || !IsHex(trace) || !IsHex(parent) || !IsHex(header.substr(53, 2))) return "";
  if (version == "ff" || IsZero(trace) || IsZero(parent)) return "";
  const bool ends = header.size() == kTraceparentSize;
  if (!ends && (version == "00" || header[kTraceparentSize] != '-')) return "";
  return std::string(trace);
}

}  // namespace darkroom
