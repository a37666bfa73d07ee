#include "client/cli/bench/request_mix.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/enum_names.h"
#include "client/cli/input_files.h"
#include "client/cli/size_flag.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;
constexpr size_t kValueInErrors = 40;

// Those of kinds that name none: what the embedded model knows, and every other model too.
const std::vector<std::string>& DefaultPrompts() {
  static const auto& prompts = *new std::vector<std::string>{
      "a red apple on a blue background", "a penguin on a white background",
      "a fox on a green background",      "a mushroom on a yellow background",
      "a fish on an orange background",   "a cat on a purple background",
      "a tree on a white background",     "a yellow star on a black background"};
  return prompts;
}

// Turns one key's value into a part of the kind; false when it is no such value.
struct Field {
  const char* key;
  const char* expected;
  bool (*set)(const json& value, RequestKind& kind);
};

bool ReadWhole(const json& value, uint32_t& number) {
  if (!value.is_number_integer() || value < 0) return false;
  if (value > std::numeric_limits<uint32_t>::max()) return false;
  number = value.get<uint32_t>();
  return true;
}

bool SetName(const json& value, RequestKind& kind) {
  if (!value.is_string() || value.get<std::string>().empty()) return false;
  kind.name = value;
  return true;
}

bool SetWeight(const json& value, RequestKind& kind) {
  if (!value.is_number() || !(value.get<double>() > 0)) return false;
  kind.weight = value;
  return std::isfinite(kind.weight);
}

bool SetSize(const json& value, RequestKind& kind) {
  return value.is_string() && darkroom::SetSize(value.get<std::string>(), kind.request);
}

bool SetSteps(const json& value, RequestKind& kind) {
  uint32_t steps = 0;
  if (!ReadWhole(value, steps)) return false;
  kind.request.set_num_inference_steps(steps);
  return true;
}

bool SetGuidance(const json& value, RequestKind& kind) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) return false;
  kind.request.set_guidance_scale(value);
  return true;
}

bool SetImages(const json& value, RequestKind& kind) {
  uint32_t images = 0;
  if (!ReadWhole(value, images)) return false;
  kind.request.set_num_images(images);
  return true;
}

bool SetScheduler(const json& value, RequestKind& kind) {
  if (!value.is_string()) return false;
  const auto scheduler = ParseScheduler(value.get<std::string>());
  if (scheduler.has_value()) kind.request.set_scheduler(*scheduler);
  return scheduler.has_value();
}

bool SetFormat(const json& value, RequestKind& kind) {
  if (!value.is_string()) return false;
  const auto format = ParseFormat(value.get<std::string>());
  if (format.has_value()) kind.request.mutable_output()->set_format(*format);
  return format.has_value();
}

bool SetPriority(const json& value, RequestKind& kind) {
  if (!value.is_string()) return false;
  const auto priority = ParsePriority(value.get<std::string>());
  if (priority.has_value()) kind.request.set_priority(*priority);
  return priority.has_value();
}

bool SetNegative(const json& value, RequestKind& kind) {
  if (!value.is_string()) return false;
  kind.request.set_negative_prompt(value.get<std::string>());
  return true;
}

bool SetPrompts(const json& value, RequestKind& kind) {
  if (!value.is_array() || value.empty()) return false;
  for (const json& prompt : value) {
    if (!prompt.is_string()) return false;
    kind.prompts.push_back(prompt);
  }
  return true;
}

constexpr Field kFields[] = {
    {"name", "a name", SetName},
    {"weight", "a number above 0", SetWeight},
    {"size", "a \"WIDTHxHEIGHT\"", SetSize},
    {"steps", "a whole number", SetSteps},
    {"guidance", "a number", SetGuidance},
    {"images", "a whole number", SetImages},
    {"scheduler", "the name of a scheduler", SetScheduler},
    {"format", "\"png\", \"jpeg\", \"webp\" or \"raw\"", SetFormat},
    {"priority", "\"high\", \"normal\" or \"low\"", SetPriority},
    {"negative", "text", SetNegative},
    {"prompts", "a list of at least one text", SetPrompts},
};

absl::Status Error(absl::string_view place, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", what));
}

absl::StatusOr<RequestKind> ParseKind(const std::string& place, const json& object) {
  if (!object.is_object()) return Error(place, "is not an object");
  RequestKind kind;
  for (const auto& [key, value] : object.items()) {
    const Field* field = nullptr;
    for (const Field& known : kFields) {
      if (key == known.key) field = &known;
    }
    const std::string here = absl::StrCat(place, ".", key);
    if (field == nullptr) {
      const auto name = [](std::string* out, const Field& known) { out->append(known.key); };
      return Error(here,
                   absl::StrCat("no such key; there are ", absl::StrJoin(kFields, ", ", name)));
    }
    if (!field->set(value, kind)) {
      return Error(
          here, absl::StrCat(Shortened(value.dump(), kValueInErrors), " is not ", field->expected));
    }
  }
  if (kind.prompts.empty()) kind.prompts = DefaultPrompts();
  return kind;
}

}  // namespace

absl::StatusOr<RequestMix> ParseMix(const std::string& name, absl::string_view text) {
  RequestMix mix{.name = name};
  json object;
  try {
    object = json::parse(text.begin(), text.end());
  } catch (const json::exception& error) {
    return Error(name, error.what());  // With line and column.
  }
  if (!object.is_object()) return Error(name, "is not an object");
  for (const auto& [key, unused] : object.items()) {
    if (key != "kinds") return Error(absl::StrCat(name, ": ", key), "no such key; there is kinds");
  }
  if (!object.contains("kinds") || !object["kinds"].is_array() || object["kinds"].empty()) {
    return Error(absl::StrCat(name, ": kinds"), "is not a list of at least one kind");
  }
  std::set<std::string> names;
  for (const json& kind : object["kinds"]) {
    const std::string place = absl::StrCat(name, ": kinds[", mix.kinds.size(), "]");
    absl::StatusOr<RequestKind> parsed = ParseKind(place, kind);
    if (!parsed.ok()) return parsed.status();
    if (parsed->name.empty()) parsed->name = absl::StrCat("kind ", mix.kinds.size() + 1);
    if (!names.insert(parsed->name).second) {
      return Error(absl::StrCat(place, ".name"), "another kind has it already");
    }
    mix.kinds.push_back(*std::move(parsed));
  }
  return mix;
}

}  // namespace darkroom
