#ifndef DARKROOM_TESTS_SERVER_OPTIONS_PARSING_H_
#define DARKROOM_TESTS_SERVER_OPTIONS_PARSING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/server_options.h"

namespace darkroom {

// An environment variable for as long as this lives.
class ScopedVariable {
 public:
  ScopedVariable(const std::string& name, const std::string& value) : name_(name) {
    setenv(name_.c_str(), value.c_str(), /*overwrite=*/1);
  }
  ~ScopedVariable() { unsetenv(name_.c_str()); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const std::string name_;
};

// What becomes of the flags.
inline std::variant<ServerOptions, EarlyExit> Parse(const std::vector<std::string>& flags) {
  std::vector<const char*> argv = {"darkroom-server"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseServerOptions(static_cast<int>(argv.size()), argv.data());
}

// The options that the flags, which are good, lead to.
inline ServerOptions ParseGood(const std::vector<std::string>& flags) {
  auto parsed = Parse(flags);
  if (const auto* exit = std::get_if<EarlyExit>(&parsed)) ADD_FAILURE() << exit->message;
  return std::holds_alternative<ServerOptions>(parsed) ? std::get<ServerOptions>(parsed)
                                                       : ServerOptions();
}

// The exit that the flags lead to; code -1 when they are accepted.
inline EarlyExit ParseBad(const std::vector<std::string>& flags) {
  auto parsed = Parse(flags);
  const auto* exit = std::get_if<EarlyExit>(&parsed);
  return exit != nullptr ? *exit : EarlyExit{-1, "accepted"};
}

// "batch-window"'s is DARKROOM_BATCH_WINDOW.
inline std::string VariableOf(const std::string& name) {
  return "DARKROOM_" + absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
}

// A file of this content, for as long as this lives.
class ScopedFile {
 public:
  explicit ScopedFile(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~ScopedFile() { std::filesystem::remove(path_); }
  ScopedFile(const ScopedFile&) = delete;
  ScopedFile& operator=(const ScopedFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_ = testing::TempDir() + absl::StrCat("darkroom-", getpid(), ".toml");
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SERVER_OPTIONS_PARSING_H_
