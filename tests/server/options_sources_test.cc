// Where the server's options come from: flags, environment and configuration file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/server/options_parsing.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::HasSubstr;
using testing::Not;

// What --print-config says.
std::string Print(std::vector<std::string> flags) {
  flags.push_back("--print-config");
  const EarlyExit exit = ParseBad(flags);
  EXPECT_EQ(exit.code, 0) << exit.message << absl::StrJoin(flags, " ");
  return exit.message;
}

std::string DrawDuration(SeededRandom& random) {
  return absl::FormatDuration(absl::Milliseconds(random.Between(1000, 9'999'999)));
}

std::string DrawAddress(SeededRandom& random) {
  const std::string host = random.Between(0, 1) == 0 ? "[::1]" : "h";
  return absl::StrCat("\"", host, ":", random.Between(0, 65535), "\"");
}

std::string DrawPath(SeededRandom& random) {
  std::string path = "\"";
  for (size_t i = random.Between(1, 8); i > 0; --i) {
    path += std::vector<std::string>{
        "a", "/", " ", "#", "=", "'", "é", "猫", "[", ","}[random.Between(0, 9)];
  }
  return path + "\"";
}

// All but those that name files.
const std::vector<std::string>& DrawnNames() {
  static const std::vector<std::string> names = absl::StrSplit(
      "model listen metrics-listen health-listen dtype vae-dtype generator-device threads batching "
      "batch-window max-batch-size determinism max-queued-images max-queued-pixels "
      "max-queued-pixel-steps max-queued-images-per-tenant max-pixels max-images-per-request "
      "max-request-bytes max-request-duration write-timeout max-concurrent-calls "
      "max-connection-age "
      "grpc-memory-limit step-timeout lame-duck drain-timeout log-format log-level log-prompts",
      ' ');
  return names;
}

// A setting's value in TOML.
std::string DrawValue(const std::string& name, SeededRandom& random) {
  static const std::map<std::string, std::vector<std::string>> choices = {
      {"dtype", {"float32", "float16", "bfloat16", "float8"}},
      {"vae-dtype", {"float32", "float16", "bfloat16"}},
      {"generator-device", {"cpu", "cuda"}},
      {"batching", {"static", "continuous"}},
      {"determinism", {"noise", "bits"}},
      {"log-format", {"text", "json"}},
      {"log-level", {"debug", "info", "warning", "error"}}};
  static const std::set<std::string> durations = {
      "batch-window", "max-request-duration", "max-connection-age", "step-timeout", "write-timeout",
      "lame-duck",    "drain-timeout"};
  if (name == "model") return DrawPath(random);
  if (name == "listen") {
    return absl::StrCat("[", DrawAddress(random), ", ", DrawAddress(random), "]");
  }
  if (absl::EndsWith(name, "listen")) return DrawAddress(random);
  if (name == "log-prompts") return random.Between(0, 1) == 0 ? "true" : "false";
  if (durations.count(name) > 0) return absl::StrCat("\"", DrawDuration(random), "\"");
  if (const auto found = choices.find(name); found != choices.end()) {
    return absl::StrCat("\"", found->second[random.Between(0, found->second.size() - 1)], "\"");
  }
  if (name == "grpc-memory-limit") return absl::StrCat(random.Between(1 << 24, 1 << 30));
  const size_t least = name == "max-request-bytes" ? 1024 : 64;
  return absl::StrCat(random.Between(least, least + 936));
}

// The values in a TOML value of DrawValue, without quotes.
std::vector<std::string> Texts(const std::string& toml, bool list) {
  if (!list) return {absl::StrReplaceAll(toml, {{"\"", ""}})};
  const std::vector<std::string> parts =
      absl::StrSplit(toml.substr(1, toml.size() - 2), absl::string_view(", "));
  return {absl::StrReplaceAll(parts[0], {{"\"", ""}}), absl::StrReplaceAll(parts[1], {{"\"", ""}})};
}

std::vector<std::string> FlagsOf(const std::string& name, const std::string& toml) {
  std::vector<std::string> flags;
  for (const std::string& text : Texts(toml, name == "listen")) {
    flags.push_back(absl::StrCat("--", name, "=", text));
  }
  return flags;
}

TEST(OptionsSourcesTest, TheStrongestOfAnySourcesHasTheLastWord) {
  SeededRandom random;
  for (const std::string& name : DrawnNames()) {
    for (int sources = 0; sources < 8; ++sources) {
      const std::string in_file = DrawValue(name, random), in_variable = DrawValue(name, random),
                        in_flag = DrawValue(name, random);
      const ScopedFile file(sources & 1 ? absl::StrCat(name, " = ", in_file, "\n") : "");
      const auto texts = Texts(in_variable, name == "listen");
      const ScopedVariable variable(VariableOf(name), sources & 2 ? absl::StrJoin(texts, ",") : "");
      const ScopedVariable config("DARKROOM_CONFIG", file.path());
      const std::string printed =
          Print(sources & 4 ? FlagsOf(name, in_flag) : std::vector<std::string>());
      const std::string& strongest = sources & 4 ? in_flag : sources & 2 ? in_variable : in_file;
      const std::string line = absl::StrCat("\n", name, " = ");
      if (sources == 0) {
        EXPECT_THAT(printed, Not(HasSubstr(line)));
      } else {
        EXPECT_THAT(printed, HasSubstr(absl::StrCat(line, strongest, "\n"))) << sources;
      }
    }
  }
}

TEST(OptionsSourcesTest, TheFlagNamesTheFileBeforeTheVariable) {
  const ScopedFile file("threads = 3\n");
  const ScopedVariable config("DARKROOM_CONFIG", "/no/such/file");
  EXPECT_EQ(ParseGood({"--config", file.path()}).threads, 3);
}

TEST(OptionsSourcesTest, WhatIsPrintedLeadsToTheSameAgain) {
  SeededRandom random;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> flags;
    for (const std::string& name : DrawnNames()) {
      if (random.Between(0, 2) > 0) continue;
      for (const std::string& flag : FlagsOf(name, DrawValue(name, random))) flags.push_back(flag);
    }
    const std::string printed = Print(flags);
    const ScopedFile file(printed);
    EXPECT_EQ(Print({"--config", file.path()}), printed) << absl::StrJoin(flags, " ");
  }
}

TEST(OptionsSourcesTest, DefaultsThatArePrintedAreThoseThatHold) {
  const std::string printed = Print({});
  // As values; those in words have none to give.
  std::string given;
  for (const absl::string_view line : absl::StrSplit(printed, '\n')) {
    const bool value = absl::StartsWith(line, "#") && !absl::StartsWith(line, "# ") &&
                       !absl::StartsWith(line, "##") && !absl::EndsWith(line, "\"\"");
    if (value) absl::StrAppend(&given, line.substr(1), "\n");
  }
  const ScopedFile file(given);
  const std::string again = Print({"--config", file.path()});
  EXPECT_EQ(absl::StrReplaceAll(again, {{"\n#", "\n"}}),
            absl::StrReplaceAll(printed, {{"\n#", "\n"}}));
  EXPECT_NE(again, printed);
}

TEST(OptionsSourcesTest, TheExampleFileIsWhatIsPrinted) {
  std::ostringstream example;
  example << std::ifstream("deploy/darkroom-server.toml").rdbuf();
  EXPECT_EQ(example.str(), Print({}));
}

TEST(OptionsSourcesTest, ASpoiltFileIsReadOrRefusedWithItsName) {
  SeededRandom random;
  const std::string good = "listen = ['a:1', \"b:2\"]\nthreads = 3 # three\nlog-prompts = true\n";
  for (int round = 0; round < 2000; ++round) {
    std::string spoilt = good;
    for (size_t i = random.Between(1, 3); i > 0; --i) {
      spoilt.replace(random.Between(0, spoilt.size()), random.Between(0, 3),
                     random.Bytes(random.Between(0, 3)));
    }
    const ScopedFile file(spoilt);
    const EarlyExit exit = ParseBad({"--config", file.path()});
    if (exit.code == -1) continue;
    EXPECT_EQ(exit.code, 2) << spoilt;
    EXPECT_THAT(exit.message, HasSubstr(file.path() + ":"));
  }
}

TEST(OptionsSourcesTest, AnOverriddenValueIsCheckedToo) {
  const ScopedFile file("\nthreads = -1\n");
  EXPECT_THAT(ParseBad({"--config", file.path(), "--threads=1"}).message,
              HasSubstr(file.path() + ":2: "));
  const ScopedVariable variable("DARKROOM_THREADS", "x");
  EXPECT_THAT(ParseBad({"--threads=1"}).message, HasSubstr("DARKROOM_THREADS"));
}

TEST(OptionsSourcesTest, ConfigurationFilesThatCannotBeReadAreNamed) {
  for (const std::string path : {"/no/such/file", "/tmp", "", "/dev/zero"}) {
    const EarlyExit exit = ParseBad({"--config", path});
    EXPECT_EQ(exit.code, 2);
    EXPECT_THAT(exit.message, HasSubstr("--config: " + path));
  }
  const ScopedVariable config("DARKROOM_CONFIG", "/no/such/file");
  EXPECT_THAT(ParseBad({}).message, HasSubstr("DARKROOM_CONFIG: /no/such/file"));
}

TEST(OptionsSourcesTest, VariablesOfOtherProgramsAreNoneOfOurs) {
  const ScopedVariable server("DARKROOM_SERVER", "127.0.0.1:50051");
  EXPECT_EQ(ParseBad({}).code, -1);
}

struct BadLine {
  std::string line;
  std::string named;
};

class BadLineTest : public testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, ExitsTwoNamingFileAndLine) {
  const ScopedFile file("# A comment.\n\n" + GetParam().line + "\n");
  const EarlyExit exit = ParseBad({"--config", file.path()});
  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.message, HasSubstr(file.path() + ":3: "));
  EXPECT_THAT(exit.message, HasSubstr(GetParam().named));
}

INSTANTIATE_TEST_SUITE_P(Lines, BadLineTest,
                         testing::ValuesIn(std::vector<BadLine>{
                             {"batch_window = \"1s\"", "did you mean batch-window?"},
                             {"batch-widow = \"1s\"", "did you mean batch-window?"},
                             {"nothing-like-it = 1", "unknown key \"nothing-like-it\"\n"},
                             {"config = \"x\"", "unknown key \"config\""},
                             {"print-config = true", "unknown key \"print-config\""},
                             {"[serving]", "unknown key \"serving\""},
                             {"[listen]", "listen is to be a text in quotes, or a list of them"},
                             {"batch-window = 10", "batch-window is to be a text in quotes"},
                             {"max-batch-size = \"8\"", "max-batch-size is to be a whole number"},
                             {"max-batch-size = 8.0", "max-batch-size is to be a whole number"},
                             {"max-batch-size = 1025", "max-batch-size"},
                             {"max-queued-pixels = 99999999999999999999", "99999999999999999999"},
                             {"log-prompts = \"true\"", "log-prompts is to be true or false"},
                             {"log-prompts = 1", "log-prompts is to be true or false"},
                             {"listen = []", "listen is an empty list"},
                             {"listen = [\"a:1\", 2]", "listen is to be"},
                             {"listen = [\"a:1\", \"a\"]", "\"a\" is not HOST:PORT"},
                             {"model = \"\"", "the path is empty"},
                             {"model = \"a\\u0000b\"", "control characters"},
                             {"model = \"\xff\"", "utf-8"},
                             {"tls-cert = \"/no/such/file\"", "No such file"},
                             {"tls-cert = \"/tmp\"", "is a directory"},
                             {"threads = 1; threads = 2", "integer"},
                             {"threads", "key-value pair"}}),
                         [](const auto& test) { return absl::StrCat("line_", test.index); });

}  // namespace
}  // namespace darkroom
