#include "server/config_settings.h"

#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/config_suggestion.h"

namespace darkroom {
namespace {

constexpr int kBadUsage = 2;
constexpr char kConfig[] = "config";

std::string VariableOf(const std::string& name) {
  return "DARKROOM_" + absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
}

// CLI11 would read the variables by itself, but after the file: it is not told of them.
class Formatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string text = CLI::Formatter::make_option_opts(option);
    if (!option->get_configurable()) return text;
    return absl::StrCat(text, " (Env:", VariableOf(option->get_single_name()), ")");
  }
};

// For the help; a list's are all its texts.
std::string DefaultOf(const ConfigTarget& target) {
  const ConfigValue value = ValueOf(target);
  if (const auto* texts = std::get_if<ConfigTexts>(&value)) return absl::StrJoin(*texts, ",");
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return ToToml(value);
}

// CLI11 would take any number too.
std::string CheckSwitch(const std::string& text) {
  bool on;
  return Assign({text}, &on) ? "" : Quoted(text) + " is not true or false";
}

// Checks the values and puts them into the option's target. `place` begins the error's message.
absl::Status Set(CLI::Option& option, const ConfigTexts& values, const std::string& place) {
  option.clear();
  for (const std::string& value : values) option.add_result(value);
  try {
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": ", error.what()));
  }
  return absl::OkStatus();
}

std::string Describe(const ConfigSetting& setting) {
  if (setting.default_words.empty()) return setting.help;
  return absl::StrCat(setting.help, "; default: ", setting.default_words);
}

}  // namespace

ConfigSettings::ConfigSettings(const std::string& program, const std::string& description,
                               const std::string& version)
    : app_(description, program) {
  app_.formatter(std::make_shared<Formatter>());
  app_.get_formatter()->column_width(38);
  app_.option_defaults()->configurable(false)->group("General");
  app_.set_help_flag("--help", "Say this, and exit");
  app_.set_version_flag("--version", program + " " + version);
  StartGroup("General");
  AddOption({kConfig, &config_, Path("FILE"), "Settings in TOML; keys are flags without dashes"});
}

CLI::Option* ConfigSettings::AddOption(const ConfigSetting& setting) {
  const std::string flag = "--" + setting.name;
  const ConfigTarget target = setting.target;
  CLI::Option* option = nullptr;
  if (const auto* truth = std::get_if<bool*>(&target)) {
    option = app_.add_flag(flag, **truth, Describe(setting))->check(CheckSwitch, "");
  } else {
    const auto assign = [target](const ConfigTexts& texts) { return Assign(texts, target); };
    option = app_.add_option(flag, CLI::callback_t(assign), Describe(setting));
    option->type_name(setting.type.name)->check(setting.type.check, "");
    if (setting.default_words.empty()) option->default_str(DefaultOf(target));
  }
  if (IsList(target)) {
    option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  return option->group(group_)->configurable();
}

void ConfigSettings::Add(ConfigSetting setting) {
  CLI::Option* option = AddOption(setting);
  known_.push_back({std::move(setting), option, group_});
}

void ConfigSettings::AddQuestion(const std::string& name, bool* asked, const std::string& help) {
  app_.add_flag("--" + name, *asked, help)->group(group_);
}

std::optional<EarlyExit> ConfigSettings::Read(int argc, const char* const* argv) {
  absl::Status status = ReadFlags(argc, argv);
  if (answer_.has_value()) return answer_;
  std::vector<ConfigTexts> flags;
  for (const Known& known : known_) flags.push_back(known.option->results());
  // From the weakest source to the strongest; each writes over what is there.
  if (status.ok()) status = ReadFile();
  if (status.ok()) status = ReadEnvironment();
  for (size_t i = 0; i < known_.size() && status.ok(); ++i) {
    if (!flags[i].empty()) status = Set(*known_[i].option, flags[i], "the command line");
  }
  if (status.ok()) return std::nullopt;
  return EarlyExit{kBadUsage, absl::StrCat(std::string(status.message()),
                                           "\nRun with --help for more information.\n")};
}

absl::Status ConfigSettings::ReadFlags(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    const std::string given = app_.remaining().front();
    const std::string flag = given.substr(0, given.find('='));
    if (flag.front() != '-') {
      return absl::InvalidArgumentError("unexpected argument " + Quoted(given));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", Quoted(flag), Suggest(flag, "--")));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return absl::InvalidArgumentError(error.what());
    std::ostringstream out, err;
    app_.exit(error, out, err);
    answer_ = EarlyExit{0, out.str()};
  }
  return absl::OkStatus();
}

absl::Status ConfigSettings::ReadFile() {
  const bool by_flag = app_.get_option(absl::StrCat("--", kConfig))->count() > 0;
  const char* variable = std::getenv(VariableOf(kConfig).c_str());
  if (!by_flag && variable != nullptr) config_ = variable;
  if (config_.empty()) return absl::OkStatus();
  const auto entries = ReadConfigFile(config_);
  if (!entries.ok()) {
    const std::string source = by_flag ? absl::StrCat("--", kConfig) : VariableOf(kConfig);
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": ", std::string(entries.status().message())));
  }
  for (const ConfigEntry& entry : *entries) {
    if (absl::Status status = SetFromEntry(entry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ConfigSettings::SetFromEntry(const ConfigEntry& entry) {
  const auto fail = [&](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat(entry.place, ": ", what...));
  };
  for (const Known& known : known_) {
    if (known.setting.name != entry.key) continue;
    const std::optional<ConfigTexts> texts = ToTexts(entry.value, known.setting.target);
    if (!texts.has_value()) {
      return fail(entry.key, " is to be ", TomlTypeOf(known.setting.target));
    }
    if (texts->empty()) return fail(entry.key, " is an empty list");
    return Set(*known.option, *texts, entry.place);
  }
  return fail("unknown key ", Quoted(entry.key), Suggest(entry.key, ""));
}

absl::Status ConfigSettings::ReadEnvironment() {
  for (const Known& known : known_) {
    const std::string name = VariableOf(known.setting.name);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    const bool list = IsList(known.setting.target);
    const ConfigTexts texts = list ? ConfigTexts(absl::StrSplit(value, ',')) : ConfigTexts{value};
    if (absl::Status status = Set(*known.option, texts, name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// ": did you mean NAME?" or nothing. In a file only its own keys are known, and have no dashes.
std::string ConfigSettings::Suggest(const std::string& name, const std::string& dashes) const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_.get_options()) {
    const bool in_file = option->get_configurable() && option->get_single_name() != kConfig;
    if (!dashes.empty() || in_file) names.push_back(dashes + option->get_single_name());
  }
  const std::optional<std::string> meant = SuggestName(name, names);
  return meant.has_value() ? absl::StrCat(": did you mean ", *meant, "?") : "";
}

std::string ConfigSettings::ToToml() const {
  std::string toml = absl::StrCat(
      "# Settings of ", app_.get_name(), ", for --config FILE.\n",
      "# Flags and the environment go before them. Those behind a # have ", "their defaults.\n");
  const std::string* group = nullptr;
  for (const Known& known : known_) {
    const auto& [name, target, type, help, default_words] = known.setting;
    if (group == nullptr || *group != known.group)
      absl::StrAppend(&toml, "\n## ", known.group, "\n");
    group = &known.group;
    const std::string types = type.name.empty() ? "" : absl::StrCat(" (", type.name, ")");
    absl::StrAppend(&toml, "\n# ", Describe(known.setting), types, "\n");
    const bool given = known.option->count() > 0;
    // A default in words may hold on this machine alone.
    const bool text = std::holds_alternative<std::string*>(target);
    const bool hidden = !given && text && !default_words.empty();
    absl::StrAppend(&toml, given ? "" : "#", name, " = ",
                    hidden ? "\"\"" : darkroom::ToToml(ValueOf(target)), "\n");
  }
  return toml;
}

}  // namespace darkroom
