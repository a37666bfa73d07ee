#include "model/text/tokenizer_config.h"

#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_file.h"

namespace darkroom {
namespace {

using nlohmann::json;

// transformers' AddedToken: a string or an object. Where the object does not say whether it is
// normalized, ordinary tokens are and special ones are not.
absl::StatusOr<TokenName> ReadTokenName(const std::string& key, const json& value, bool special) {
  const json text = value.is_object() ? value.value("content", json()) : value;
  if (!text.is_string() || text == "") {
    return absl::InvalidArgumentError(absl::StrCat(key, " must be a token"));
  }
  TokenName name{.text = text.get<std::string>()};
  if (value.is_string()) return name;
  for (const char* property : {"lstrip", "rstrip", "single_word"}) {
    if (value.value(property, json(false)) == false) continue;
    return absl::InvalidArgumentError(absl::StrCat(key, " has the unsupported ", property));
  }
  special = special || value.value("special", json(false)) == true;
  name.normalized = value.value("normalized", json(!special)) == true;
  return name;
}

// The roles, from special_tokens_map.json first. A role that is spelt as one before it adds
// nothing.
absl::Status ReadRoles(const json& config, const json& map, TokenizerConfig& names) {
  const std::tuple<const char*, const char*, std::string*> roles[] = {
      {"bos_token", "<|startoftext|>", &names.begin},
      {"eos_token", "<|endoftext|>", &names.end},
      {"unk_token", "<|endoftext|>", &names.unknown},
      {"pad_token", "<|endoftext|>", &names.padding}};
  std::set<std::tuple<bool, std::string, bool, bool>> spellings;
  for (const auto& [role, fallback, text] : roles) {
    const bool from_map = map.contains(role);
    const json spelling = (from_map ? map : config).value(role, json(fallback));
    const absl::StatusOr<TokenName> name = ReadTokenName(role, spelling, /*special=*/true);
    if (!name.ok()) return name.status();
    *text = name->text;
    const bool special =
        spelling.is_object() && (from_map || spelling.value("special", json(false)) == true);
    const bool is_new =
        spellings.emplace(spelling.is_string(), name->text, name->normalized, special).second;
    if (is_new) names.tokens.push_back(*name);
  }
  return absl::OkStatus();
}

// The tokens of added_tokens_decoder, which are as it says, whatever their roles say.
absl::Status ReadAddedTokens(const json& added, TokenizerConfig& names) {
  if (!added.is_object()) {
    return absl::InvalidArgumentError("added_tokens_decoder must be an object");
  }
  const std::set<std::string> roles = {names.begin, names.end, names.unknown, names.padding};
  for (const auto& [id, value] : added.items()) {
    const json text = value.is_object() ? value.value("content", json()) : json();
    const bool has_role = text.is_string() && roles.contains(text.get<std::string>());
    const absl::StatusOr<TokenName> name =
        ReadTokenName(absl::StrCat("added_tokens_decoder.", id.substr(0, 64)), value, has_role);
    if (!name.ok()) return name.status();
    names.tokens.push_back(*name);
  }
  return absl::OkStatus();
}

// Refuses what would change the tokens; no CLIP tokenizer is known to use any of it.
absl::Status CheckSettings(const json& settings) {
  const std::pair<const char*, json> supported[] = {
      {"padding_side", "right"}, {"truncation_side", "right"}, {"split_special_tokens", false}};
  for (const auto& [key, value] : supported) {
    if (settings.value(key, value) == value) continue;
    return absl::InvalidArgumentError(absl::StrCat(key, " must be ", value.dump()));
  }
  for (const char* key : {"sep_token", "cls_token", "mask_token", "additional_special_tokens",
                          "extra_special_tokens"}) {
    const auto value = settings.find(key);
    if (value == settings.end() || value->empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat(key, " is not supported"));
  }
  return absl::OkStatus();
}

absl::Status ReadLength(const json& config, TokenizerConfig& names) {
  const json length = config.value("model_max_length", json(names.length));
  if (!length.is_number_unsigned() || length < 3 || length > 1024) {
    return absl::InvalidArgumentError("model_max_length must be 3 to 1024");
  }
  names.length = length.get<int64_t>();
  return absl::OkStatus();
}

// As transformers does, reads the map only where the configuration has no added_tokens_decoder.
absl::StatusOr<TokenizerConfig> ReadConfig(const json& config, const json& map) {
  TokenizerConfig names;
  const auto added = config.find("added_tokens_decoder");
  const bool has_added = added != config.end();
  absl::Status status = CheckSettings(config);
  if (status.ok() && !has_added) status = CheckSettings(map);
  if (status.ok()) status = ReadLength(config, names);
  if (status.ok()) status = ReadRoles(config, has_added ? json::object() : map, names);
  if (status.ok() && has_added) status = ReadAddedTokens(*added, names);
  if (!status.ok()) return status;
  return names;
}

}  // namespace

absl::StatusOr<TokenizerConfig> TokenizerConfig::Read(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/tokenizer_config.json");
  const absl::StatusOr<json> config = ReadJsonObject(path);
  if (!config.ok()) return config.status();
  absl::StatusOr<json> map = ReadJsonObject(absl::StrCat(folder, "/special_tokens_map.json"));
  if (absl::IsNotFound(map.status())) map = json::object();
  if (!map.ok()) return map.status();
  absl::StatusOr<TokenizerConfig> read = ReadConfig(*config, *map);
  if (read.ok()) return read;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", read.status().message()));
}

}  // namespace darkroom
