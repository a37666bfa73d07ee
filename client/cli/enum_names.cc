#include "client/cli/enum_names.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace darkroom {
namespace {

constexpr std::pair<absl::string_view, v1::ImageFormat> kFormats[] = {
    {"png", v1::IMAGE_FORMAT_PNG},
    {"jpeg", v1::IMAGE_FORMAT_JPEG},
    {"webp", v1::IMAGE_FORMAT_WEBP},
    {"raw", v1::IMAGE_FORMAT_RAW_RGB}};

constexpr std::pair<absl::string_view, v1::Priority> kPriorities[] = {
    {"high", v1::PRIORITY_HIGH}, {"normal", v1::PRIORITY_NORMAL}, {"low", v1::PRIORITY_LOW}};

std::string Spelled(absl::string_view scheduler) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(scheduler), {{"scheduler_", ""}, {"_", "-"}});
}

std::vector<v1::Scheduler> Schedulers() {
  std::vector<v1::Scheduler> schedulers;
  for (int number = v1::Scheduler_MIN + 1; number <= v1::Scheduler_MAX; ++number) {
    if (v1::Scheduler_IsValid(number)) schedulers.push_back(static_cast<v1::Scheduler>(number));
  }
  return schedulers;
}

}  // namespace

std::string SchedulerName(v1::Scheduler scheduler) {
  return Spelled(v1::Scheduler_Name(scheduler));
}

std::vector<std::string> SchedulerNames() {
  std::vector<std::string> names;
  for (v1::Scheduler scheduler : Schedulers()) names.push_back(SchedulerName(scheduler));
  return names;
}

std::optional<v1::Scheduler> ParseScheduler(absl::string_view name) {
  for (v1::Scheduler scheduler : Schedulers()) {
    if (SchedulerName(scheduler) == Spelled(name)) return scheduler;
  }
  return std::nullopt;
}

std::string FormatName(v1::ImageFormat format) {
  for (const auto& [name, value] : kFormats) {
    if (value == format) return std::string(name);
  }
  return v1::ImageFormat_Name(format);
}

std::optional<v1::ImageFormat> ParseFormat(absl::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  return std::nullopt;
}

std::optional<v1::Priority> ParsePriority(absl::string_view name) {
  for (const auto& [known, priority] : kPriorities) {
    if (name == known) return priority;
  }
  return std::nullopt;
}

}  // namespace darkroom
