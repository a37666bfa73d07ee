#include "client/cli/bench/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>

namespace darkroom {
namespace {

using ::testing::StartsWith;

struct Parsed {
  bool accepted = false;
  BenchFlags flags;
};

Parsed Parse(const std::string& line) {
  Parsed parsed;
  CLI::App app;
  CLI::App* bench = app.add_subcommand("bench");
  AddBenchFlags(*bench, parsed.flags);
  try {
    app.parse("bench " + line);
    parsed.accepted = true;
  } catch (const CLI::ParseError&) {
  }
  return parsed;
}

absl::StatusOr<BenchSettings> Settings(const std::string& line) {
  const Parsed parsed = Parse(line);
  EXPECT_TRUE(parsed.accepted) << line;
  return MakeSettings(parsed.flags, "server:1");
}

TEST(BenchOptionsTest, EveryFlagHasItsSetting) {
  const auto settings = Settings(
      "--rate 2.5 --duration 1m --warmup 5s --mix plain --seed 18446744073709551615 "
      "--deadline 1.5s --max-in-flight 7 --no-retries");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->server, "server:1");
  EXPECT_EQ(settings->rate, 2.5);
  EXPECT_EQ(settings->duration, absl::Minutes(1));
  EXPECT_EQ(settings->warmup, absl::Seconds(5));
  EXPECT_EQ(settings->mix.name, "plain");
  EXPECT_EQ(settings->seed, UINT64_MAX);
  EXPECT_EQ(settings->deadline, absl::Milliseconds(1500));
  EXPECT_EQ(settings->max_in_flight, 7u);
  EXPECT_FALSE(settings->retries);
}

TEST(BenchOptionsTest, ADeadlineOfZeroIsNone) {
  const auto settings = Settings("--rate 1 --deadline 0s");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->deadline, absl::InfiniteDuration());
  EXPECT_TRUE(settings->retries);
}

TEST(BenchOptionsTest, TheRateIsRequired) { EXPECT_FALSE(Parse("--duration 3s").accepted); }

TEST(BenchOptionsTest, JsonWithoutAFileIsStandardOutput) {
  EXPECT_FALSE(Parse("--rate 1").flags.json.has_value());
  EXPECT_EQ(Parse("--rate 1 --json").flags.json, "-");
  EXPECT_EQ(Parse("--json --rate 1").flags.json, "-");
  EXPECT_EQ(Parse("--rate 1 --json -").flags.json, "-");
  EXPECT_EQ(Parse("--rate 1 --json a.json --plot b.svg").flags.json, "a.json");
}

TEST(BenchOptionsTest, WhatMakesNoSenseIsNamed) {
  for (const char* value :
       {"--rate 0", "--rate -1", "--rate inf", "--rate nan", "--rate x", "--duration 3",
        "--duration 0s", "--duration 25h", "--warmup -1s", "--deadline soon", "--seed -1",
        "--seed 18446744073709551616", "--max-in-flight 0", "--max-in-flight x", "--mix nonesuch",
        "--json nonesuch/a.json", "--plot nonesuch/a.svg"}) {
    const std::string flag(value, std::string(value).find(' '));
    const auto settings = Settings((flag == "--rate" ? "" : "--rate 1 ") + std::string(value));
    EXPECT_TRUE(absl::IsInvalidArgument(settings.status())) << value;
    EXPECT_THAT(std::string(settings.status().message()), StartsWith(flag));
  }
}

TEST(BenchOptionsTest, ARunHasABound) {
  EXPECT_TRUE(absl::IsInvalidArgument(Settings("--rate 1000 --duration 24h").status()));
}

}  // namespace
}  // namespace darkroom
