#ifndef DARKROOM_SERVER_CONFIG_SETTINGS_H_
#define DARKROOM_SERVER_CONFIG_SETTINGS_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config_file.h"
#include "server/config_target.h"
#include "server/config_types.h"
#include "server/early_exit.h"

namespace darkroom {

struct ConfigSetting {
  std::string name;  // The flag's, without dashes: "batch-window".
  ConfigTarget target;
  ConfigType type;  // Not for a bool.
  std::string help;
  std::string default_words;  // Where the target's own default says nothing to people.
};

// The settings of a program, each with a flag (--batch-window), an environment variable
// (DARKROOM_BATCH_WINDOW) and a key in the file of --config (batch-window). Flags go before the
// environment, which goes before the file, which goes before the defaults. Used once, on one
// thread; targets outlive it.
class ConfigSettings {
 public:
  ConfigSettings(const std::string& program, const std::string& description,
                 const std::string& version);

  // The settings that follow are under this title, in the help and in ToToml.
  void StartGroup(const std::string& title) { group_ = title; }
  void Add(ConfigSetting setting);

  // A flag that asks the program something: in neither environment nor file.
  void AddQuestion(const std::string& name, bool* asked, const std::string& help);

  // Fills the targets. The end of the program instead, with code 0, for --help and --version, and
  // with code 2 for the first value, flag or key that is wrong, also when another source has the
  // last word; the message names it and where it stands. Unknown variables are ignored: other
  // programs share the prefix.
  std::optional<EarlyExit> Read(int argc, const char* const* argv);

  // All settings, in the form of a file for --config that leads to the same again: those that some
  // source has set, and as comments the others with their defaults.
  std::string ToToml() const;

 private:
  struct Known {
    ConfigSetting setting;
    CLI::Option* option = nullptr;
    std::string group;
  };

  CLI::Option* AddOption(const ConfigSetting& setting);
  absl::Status ReadFlags(int argc, const char* const* argv);
  absl::Status ReadFile();
  absl::Status SetFromEntry(const ConfigEntry& entry);
  absl::Status ReadEnvironment();
  std::string Suggest(const std::string& name, const std::string& dashes) const;

  CLI::App app_;
  std::string group_;
  std::string config_;  // A path, or empty.
  std::vector<Known> known_;
  std::optional<EarlyExit> answer_;  // To --help or --version.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONFIG_SETTINGS_H_
