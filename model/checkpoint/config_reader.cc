#include "model/checkpoint/config_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/json_file.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr size_t kMaxLevels = 16;

std::string Quote(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.substr(0, 64);
}

}  // namespace

absl::StatusOr<ConfigReader> ConfigReader::Open(const std::string& path) {
  absl::StatusOr<json> object = ReadJsonObject(path);
  if (!object.ok()) return object.status();
  return ConfigReader(path, *std::move(object));
}

ConfigReader::ConfigReader(std::string path, json object)
    : path_(std::move(path)), object_(std::move(object)) {}

const json* ConfigReader::Find(const std::string& key) {
  read_.insert(key);
  const auto value = object_.find(key);
  return value == object_.end() || value->is_null() ? nullptr : &*value;
}

bool ConfigReader::Has(const std::string& key) const {
  const auto value = object_.find(key);
  return value != object_.end() && !value->is_null();
}

bool ConfigReader::Bool(const std::string& key, bool fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  Refuse(absl::StrCat(key, " must be true or false, not ", Quote(*value)));
  return fallback;
}

int64_t ConfigReader::Size(const std::string& key, int64_t fallback, int64_t max) {
  const int64_t value = Integer(key, fallback);
  if (value >= 1 && value <= max) return value;
  Refuse(absl::StrCat(key, " must be 1 to ", max, ", not ", value));
  return fallback;
}

int64_t ConfigReader::Integer(const std::string& key, int64_t fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_integer() && std::abs(value->get<double>()) <= kMaxDimension) {
    return value->get<int64_t>();
  }
  Refuse(absl::StrCat(key, " must be a 32-bit integer, not ", Quote(*value)));
  return fallback;
}

double ConfigReader::Number(const std::string& key, double fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_number()) return value->get<double>();
  Refuse(absl::StrCat(key, " must be a number, not ", Quote(*value)));
  return fallback;
}

std::string ConfigReader::String(const std::string& key, const std::string& fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  Refuse(absl::StrCat(key, " must be a string, not ", Quote(*value)));
  return fallback;
}

std::vector<int64_t> ConfigReader::Sizes(const std::string& key, size_t levels, int64_t fallback,
                                         int64_t max) {
  const json* value = Find(key);
  std::vector<int64_t> sizes(levels, fallback);
  if (value == nullptr) return sizes;
  const json list = value->is_array() ? *value : json(std::vector<json>(levels, *value));
  const auto is_size = [max](const json& size) {
    return size.is_number_integer() && size.get<int64_t>() >= 1 && size.get<int64_t>() <= max;
  };
  if (list.size() == levels && std::all_of(list.begin(), list.end(), is_size)) {
    return list.get<std::vector<int64_t>>();
  }
  Refuse(absl::StrCat(key, " must be one number or ", levels, " of them, 1 to ", max, ", not ",
                      Quote(*value)));
  return sizes;
}

std::vector<int64_t> ConfigReader::SizeList(const std::string& key) {
  const json* value = Find(key);
  if (value != nullptr && value->is_array() && !value->empty() && value->size() <= kMaxLevels) {
    return Sizes(key, value->size(), 1);
  }
  Refuse(absl::StrCat(key, " must be a list of 1 to ", kMaxLevels, " sizes"));
  return {};
}

std::vector<std::string> ConfigReader::Strings(const std::string& key) {
  const json* value = Find(key);
  if (value == nullptr) return {};
  const auto is_string = [](const json& element) { return element.is_string(); };
  if (value->is_array() && std::all_of(value->begin(), value->end(), is_string)) {
    return value->get<std::vector<std::string>>();
  }
  Refuse(absl::StrCat(key, " must be a list of strings, not ", Quote(*value)));
  return {};
}

void ConfigReader::Expect(const std::string& key, std::initializer_list<json> supported) {
  const json* value = Find(key);
  if (value == nullptr) return;
  if (std::find(supported.begin(), supported.end(), *value) != supported.end()) return;
  Refuse(absl::StrCat(key, " = ", Quote(*value), " is not supported"));
}

void ConfigReader::Ignore(std::initializer_list<const char*> keys) {
  read_.insert(keys.begin(), keys.end());
}

void ConfigReader::Refuse(const std::string& problem) { problems_.push_back(problem); }

absl::Status ConfigReader::Finish() const {
  std::vector<std::string> problems = problems_;
  for (const auto& [key, value] : object_.items()) {
    if (read_.contains(key) || value.is_null() || key.starts_with('_')) continue;
    problems.push_back(absl::StrCat(key.substr(0, 64), " is not known"));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path_, ": ", absl::StrJoin(problems, "; ")));
}

}  // namespace darkroom
