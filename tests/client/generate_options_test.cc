#include "client/cli/generate_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using Request = v1::GenerateImagesRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

GenerateFlags Parse(std::vector<std::string> arguments) {
  CLI::App command;
  GenerateFlags flags;
  AddGenerateFlags(command, flags);
  std::reverse(arguments.begin(), arguments.end());
  command.parse(std::move(arguments));
  return flags;
}

std::vector<Request> Requests(std::vector<std::string> arguments) {
  const auto requests = MakeRequests(Parse(std::move(arguments)));
  EXPECT_TRUE(requests.ok()) << requests.status();
  return requests.ok() ? *requests : std::vector<Request>();
}

std::string UsageError(std::vector<std::string> arguments) {
  const auto requests = MakeRequests(Parse(std::move(arguments)));
  EXPECT_FALSE(requests.ok());
  EXPECT_EQ(requests.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(requests.status().message());
}

TEST(GenerateOptionsTest, WhatIsNotSaidIsLeftToTheServer) {
  const std::vector<Request> requests = Requests({"a red apple"});
  Request expected;
  expected.set_prompt("a red apple");
  expected.mutable_output()->set_format(v1::IMAGE_FORMAT_PNG);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].SerializeAsString(), expected.SerializeAsString());
  const GenerateFlags flags = Parse({"a red apple"});
  EXPECT_EQ(flags.output, ".");
  EXPECT_EQ(flags.grid, "");
}

TEST(GenerateOptionsTest, EveryFlagReachesItsField) {
  const std::vector<Request> requests =
      Requests({"--seed", "7", "--num-images=3", "--steps", "30", "--guidance", "6.5", "--size",
                "96x160", "--negative", "blurry, dark", "--scheduler", "dpmpp-2m-karras",
                "--format", "raw", "a red apple"});
  ASSERT_EQ(requests.size(), 1u);
  const Request& request = requests[0];
  EXPECT_EQ(request.seed(), 7u);
  EXPECT_EQ(request.num_images(), 3u);
  EXPECT_EQ(request.num_inference_steps(), 30u);
  EXPECT_EQ(request.guidance_scale(), 6.5);
  EXPECT_EQ(request.width(), 96u);
  EXPECT_EQ(request.height(), 160u);
  EXPECT_EQ(request.negative_prompt(), "blurry, dark");
  EXPECT_EQ(request.scheduler(), v1::SCHEDULER_DPMPP_2M_KARRAS);
  EXPECT_EQ(request.output().format(), v1::IMAGE_FORMAT_RAW_RGB);
}

TEST(GenerateOptionsTest, OneValueGoesToAllAndManyGoOneEach) {
  SeededRandom random;
  for (int round = 0; round < 50; ++round) {
    const size_t count = random.Between(1, 12);
    std::vector<std::string> arguments;
    for (size_t i = 0; i < count; ++i) arguments.push_back(absl::StrCat("prompt ", i));
    std::vector<uint64_t> seeds;
    for (size_t i = 0; i < count; ++i) seeds.push_back(random.Bits());
    const uint32_t steps = random.Between(1, 150);
    arguments.insert(arguments.begin() + random.Between(0, count),
                     absl::StrCat("--seed=", absl::StrJoin(seeds, ",")));
    arguments.push_back(absl::StrCat("--steps=", steps));
    const std::vector<Request> requests = Requests(arguments);
    ASSERT_EQ(requests.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(requests[i].prompt(), absl::StrCat("prompt ", i));
      EXPECT_EQ(requests[i].seed(), seeds[i]);
      EXPECT_EQ(requests[i].num_inference_steps(), steps);
      EXPECT_FALSE(requests[i].has_guidance_scale());
    }
  }
}

TEST(GenerateOptionsTest, OtherNumbersOfValuesAreUsageErrors) {
  EXPECT_THAT(UsageError({"a", "b", "c", "--seed", "1,2"}),
              HasSubstr("--seed has 2 values for 3 prompts"));
  EXPECT_THAT(UsageError({"a", "--steps", "1,2"}), HasSubstr("--steps has 2 values"));
  EXPECT_THAT(UsageError({"a", "b", "--guidance", "1,2,3"}), HasSubstr("--guidance has 3 values"));
}

TEST(GenerateOptionsTest, BadValuesAreUsageErrorsThatNameTheFlag) {
  const std::pair<std::string, std::string> bad[] = {{"--seed", "-1"},
                                                     {"--seed", "18446744073709551616"},
                                                     {"--seed", "1,"},
                                                     {"--seed", ""},
                                                     {"--steps", "x"},
                                                     {"--steps", "4294967296"},
                                                     {"--guidance", "nan"},
                                                     {"--guidance", "inf"},
                                                     {"--guidance", "5,"},
                                                     {"--num-images", "1.5"},
                                                     {"--num-images", "1,2"},
                                                     {"--size", "64"},
                                                     {"--size", "64x"},
                                                     {"--size", "64x64x3"},
                                                     {"--size", "-8x8"},
                                                     {"--scheduler", "karras"},
                                                     {"--scheduler", "unspecified"},
                                                     {"--format", "gif"},
                                                     {"--quality", "high"},
                                                     {"--negative", "\xff"},
                                                     {"--scheduler", ""}};
  for (const auto& [flag, value] : bad) {
    EXPECT_THAT(UsageError({"a", "b", flag, value}), HasSubstr(flag)) << value;
  }
  EXPECT_THAT(UsageError({"a", "\xc3"}), HasSubstr("PROMPT"));
}

class InitImageFlagTest : public testing::Test {
 protected:
  std::string File(const std::string& name) { return folder_.Write(name, "bytes of " + name); }

  TemporaryFolder folder_;
};

TEST_F(InitImageFlagTest, OneFileGoesToAllPromptsAndManyGoOneEach) {
  for (const Request& request : Requests({"a", "b", "--init-image", File("one")})) {
    EXPECT_EQ(request.init_image().data(), "bytes of one");
    EXPECT_FALSE(request.init_image().has_strength());
  }
  const auto requests = Requests({"a", "--init-image", File("[1]"), "b", "--init-image",
                                  File("2,3"), "--strength", "0.5,0.75"});
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].init_image().data(), "bytes of [1]");
  EXPECT_EQ(requests[1].init_image().data(), "bytes of 2,3");
  EXPECT_EQ(requests[0].init_image().strength(), 0.5);
  EXPECT_EQ(requests[1].init_image().strength(), 0.75);
}

TEST_F(InitImageFlagTest, OtherNumbersOfFilesAndStrengthWithoutAnImageAreUsageErrors) {
  EXPECT_THAT(UsageError({"a", "b", "c", "--init-image", File("1"), "--init-image", File("2")}),
              HasSubstr("--init-image comes 2 times for 3 prompts"));
  EXPECT_THAT(UsageError({"a", "--strength", "0.5"}), HasSubstr("--strength needs --init-image"));
}

TEST_F(InitImageFlagTest, StrengthIsAboveZeroAndAtMostOne) {
  for (const char* strength : {"0", "-0.5", "1.0001", "nan", "inf", "high", "", "0.5,2"}) {
    EXPECT_THAT(UsageError({"a", "b", "--init-image", File("1"), "--strength", strength}),
                HasSubstr("--strength: "));
  }
  SeededRandom random;
  for (int i = 0; i < 100; ++i) {
    const double strength = static_cast<double>(random.Between(1, 1000)) / 1000;
    const std::string text = absl::StrCat(strength);
    const auto requests = Requests({"a", "--init-image", File("1"), "--strength", text});
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].init_image().strength(), std::stod(text));
  }
}

TEST_F(InitImageFlagTest, AFileThatCannotBeReadIsNamed) {
  for (const std::string& path : {folder_.path().string() + "/none.png", folder_.path().string()}) {
    EXPECT_THAT(UsageError({"a", "--init-image", path}),
                testing::AllOf(HasSubstr("--init-image"), HasSubstr(path)));
  }
}

TEST_F(InitImageFlagTest, AFileMayHave8MiB) {
  const std::string path = File("large");
  std::filesystem::resize_file(path, 8 << 20);
  const auto requests = Requests({"a", "--init-image", path});
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].init_image().data().size(), 8u << 20);
  std::filesystem::resize_file(path, (8 << 20) + 1);
  EXPECT_THAT(UsageError({"a", "--init-image", path}), HasSubstr(path + " is larger than 8 MiB"));
}

TEST(GenerateOptionsTest, FormatAndQualityReachTheirFields) {
  const auto requests = Requests({"a", "--format", "webp", "--quality", "80"});
  EXPECT_EQ(requests[0].output().format(), v1::IMAGE_FORMAT_WEBP);
  EXPECT_EQ(requests[0].output().quality(), 80u);
  EXPECT_EQ(Requests({"a", "--format", "jpeg"})[0].output().format(), v1::IMAGE_FORMAT_JPEG);
}

TEST(GenerateOptionsTest, AContactSheetIsMadeOfPngOrRawImagesOnly) {
  for (const char* format : {"jpeg", "webp"}) {
    EXPECT_THAT(UsageError({"a", "--grid", "--format", format}), HasSubstr("--grid"));
    Requests({"a", "--format", format});
  }
  for (const char* format : {"png", "raw"}) Requests({"a", "--grid", "--format", format});
}

TEST(GenerateOptionsTest, AnEmptyNegativePromptIsNotNone) {
  EXPECT_TRUE(Requests({"a", "--negative", ""})[0].has_negative_prompt());
  EXPECT_FALSE(Requests({"a"})[0].has_negative_prompt());
}

TEST(GenerateOptionsTest, EverySchedulerHasAName) {
  for (int number = 1; number <= v1::Scheduler_MAX; ++number) {
    const auto scheduler = static_cast<v1::Scheduler>(number);
    EXPECT_EQ(Requests({"a", "--scheduler", v1::Scheduler_Name(scheduler)})[0].scheduler(),
              scheduler);
  }
  EXPECT_EQ(Requests({"a", "--scheduler", "euler"})[0].scheduler(), v1::SCHEDULER_EULER);
}

TEST(GenerateOptionsTest, PromptsAreTakenAsTheyStand) {
  EXPECT_THAT(
      Parse({"[a, b]", "--seed", "1", "{}", "%%", "", "a,b", "--", "--steps", "[x]"}).prompts,
      ElementsAre("[a, b]", "{}", "%%", "", "a,b", "--steps", "[x]"));
}

TEST(GenerateOptionsTest, TheContactSheetHasANameUnlessGivenOne) {
  const GenerateFlags plain = Parse({"--grid", "a"});
  EXPECT_EQ(plain.grid, "contact-sheet.png");
  EXPECT_THAT(plain.prompts, ElementsAre("a"));
  EXPECT_EQ(Parse({"--grid=all.png", "a"}).grid, "all.png");
}

TEST(GenerateOptionsTest, UnknownFlagsAndMissingPromptsAreUsageErrors) {
  EXPECT_THROW(Parse({}), CLI::ParseError);
  EXPECT_THROW(Parse({"a", "--seed", "1", "--seed", "2"}), CLI::ParseError);
}

}  // namespace
}  // namespace darkroom
