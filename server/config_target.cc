#include "server/config_target.h"

#include <type_traits>

#include "absl/strings/numbers.h"

namespace darkroom {

bool IsList(const ConfigTarget& target) { return std::holds_alternative<ConfigTexts*>(target); }

bool Assign(const ConfigTexts& texts, const ConfigTarget& target) {
  return std::visit(
      [&](auto* value) {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, ConfigTexts>) {
          *value = texts;
          return true;
        } else if constexpr (std::is_same_v<Value, std::string>) {
          *value = texts.front();
          return true;
        } else if constexpr (std::is_same_v<Value, absl::Duration>) {
          return absl::ParseDuration(texts.front(), value);
        } else if constexpr (std::is_same_v<Value, bool>) {
          return absl::SimpleAtob(texts.front(), value);
        } else {
          return absl::SimpleAtoi(texts.front(), value);
        }
      },
      target);
}

ConfigValue ValueOf(const ConfigTarget& target) {
  return std::visit(
      [](const auto* value) -> ConfigValue {
        using Value = std::remove_const_t<std::remove_pointer_t<decltype(value)>>;
        if constexpr (std::is_same_v<Value, absl::Duration>) {
          return absl::FormatDuration(*value);
        } else if constexpr (std::is_same_v<Value, int>) {
          return int64_t{*value};
        } else {
          return *value;
        }
      },
      target);
}

std::optional<ConfigTexts> ToTexts(const ConfigValue& value, const ConfigTarget& target) {
  if (IsList(target)) {
    if (const auto* text = std::get_if<std::string>(&value)) return ConfigTexts{*text};
  }
  if (value.index() != ValueOf(target).index()) return std::nullopt;
  if (const auto* texts = std::get_if<ConfigTexts>(&value)) return *texts;
  if (const auto* text = std::get_if<std::string>(&value)) return ConfigTexts{*text};
  return ConfigTexts{ToToml(value)};
}

std::string TomlTypeOf(const ConfigTarget& target) {
  if (IsList(target)) return "a text in quotes, or a list of them";
  if (std::holds_alternative<bool*>(target)) return "true or false";
  const ConfigValue value = ValueOf(target);
  return std::holds_alternative<int64_t>(value) ? "a whole number" : "a text in quotes";
}

}  // namespace darkroom
