#include "client/cli/bench/request_mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RequestMixTest, EveryKeySetsItsField) {
  const auto mix = ParseMix("shop", R"({"kinds": [
    {"name": "draft", "weight": 2.5, "size": "64x128", "steps": 4, "guidance": 1.5, "images": 3,
     "scheduler": "dpmpp-2m", "format": "webp", "priority": "high", "negative": "blur",
     "prompts": ["a cat", "a dog"]}]})");
  ASSERT_TRUE(mix.ok()) << mix.status();
  EXPECT_EQ(mix->name, "shop");
  ASSERT_EQ(mix->kinds.size(), 1u);
  const RequestKind& kind = mix->kinds[0];
  EXPECT_EQ(kind.name, "draft");
  EXPECT_EQ(kind.weight, 2.5);
  EXPECT_THAT(kind.prompts, ElementsAre("a cat", "a dog"));
  EXPECT_EQ(kind.request.width(), 64u);
  EXPECT_EQ(kind.request.height(), 128u);
  EXPECT_EQ(kind.request.num_inference_steps(), 4u);
  EXPECT_EQ(kind.request.guidance_scale(), 1.5);
  EXPECT_EQ(kind.request.num_images(), 3u);
  EXPECT_EQ(kind.request.scheduler(), v1::SCHEDULER_DPMPP_2M);
  EXPECT_EQ(kind.request.output().format(), v1::IMAGE_FORMAT_WEBP);
  EXPECT_EQ(kind.request.priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(kind.request.negative_prompt(), "blur");
}

TEST(RequestMixTest, WhatIsLeftOutIsTheServersChoice) {
  const auto mix = ParseMix("m", R"({"kinds": [{}, {"weight": 3}]})");
  ASSERT_TRUE(mix.ok()) << mix.status();
  ASSERT_EQ(mix->kinds.size(), 2u);
  EXPECT_EQ(mix->kinds[0].name, "kind 1");
  EXPECT_EQ(mix->kinds[1].name, "kind 2");
  EXPECT_EQ(mix->kinds[0].weight, 1);
  EXPECT_FALSE(mix->kinds[0].prompts.empty());
  EXPECT_EQ(mix->kinds[0].request.ByteSizeLong(), 0u);
}

struct BadMix {
  const char* text;
  const char* place;  // Where the message begins, behind the mix's name.
  const char* says;
};

class BadMixTest : public ::testing::TestWithParam<BadMix> {};

TEST_P(BadMixTest, IsRefusedWithItsPlace) {
  const auto mix = ParseMix("load.json", GetParam().text);
  ASSERT_FALSE(mix.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(mix.status()));
  const std::string message(mix.status().message());
  EXPECT_THAT(message, StartsWith(std::string("load.json: ") + GetParam().place));
  EXPECT_THAT(message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadMixTest,
    ::testing::Values(
        BadMix{"", "", "line 1, column 1"}, BadMix{"{\n\"kinds\": [}", "", "line 2, column 11"},
        BadMix{"{\"kinds\": [{\"prompts\": [\"\xff\"]}]}", "", "ill-formed UTF-8"},
        BadMix{"[]", "", "is not an object"}, BadMix{"{}", "kinds: ", "at least one kind"},
        BadMix{R"({"kinds": []})", "kinds: ", "at least one kind"},
        BadMix{R"({"kinds": 3})", "kinds: ", "at least one kind"},
        BadMix{R"({"kinds": [{}], "rate": 3})", "rate: ", "no such key"},
        BadMix{R"({"kinds": [{}, 3]})", "kinds[1]: ", "is not an object"},
        BadMix{R"({"kinds": [{"step": 3}]})", "kinds[0].step: ", "name, weight, size, steps"},
        BadMix{R"({"kinds": [{}, {"steps": "x"}]})",
               "kinds[1].steps: ", "\"x\" is not a whole number"},
        BadMix{R"({"kinds": [{"steps": -1}]})", "kinds[0].steps: ", "-1 is not"},
        BadMix{R"({"kinds": [{"steps": 4294967296}]})", "kinds[0].steps: ", "is not"},
        BadMix{R"({"kinds": [{"images": 1.5}]})", "kinds[0].images: ", "1.5 is not"},
        BadMix{R"({"kinds": [{"weight": 0}]})", "kinds[0].weight: ", "a number above 0"},
        BadMix{R"({"kinds": [{"weight": "1"}]})", "kinds[0].weight: ", "a number above 0"},
        BadMix{R"({"kinds": [{"guidance": null}]})", "kinds[0].guidance: ", "null is not"},
        BadMix{R"({"kinds": [{"size": "64"}]})", "kinds[0].size: ", "WIDTHxHEIGHT"},
        BadMix{R"({"kinds": [{"size": [64, 64]}]})", "kinds[0].size: ", "WIDTHxHEIGHT"},
        BadMix{R"({"kinds": [{"scheduler": "fast"}]})", "kinds[0].scheduler: ", "\"fast\" is not"},
        BadMix{R"({"kinds": [{"format": "gif"}]})", "kinds[0].format: ", "\"gif\" is not"},
        BadMix{R"({"kinds": [{"priority": "urgent"}]})", "kinds[0].priority: ", "\"normal\""},
        BadMix{R"({"kinds": [{"negative": 1}]})", "kinds[0].negative: ", "1 is not text"},
        BadMix{R"({"kinds": [{"prompts": []}]})", "kinds[0].prompts: ", "at least one text"},
        BadMix{R"({"kinds": [{"prompts": ["a", 1]}]})", "kinds[0].prompts: ", "is not a list"},
        BadMix{R"({"kinds": [{"name": ""}]})", "kinds[0].name: ", "is not a name"},
        BadMix{R"({"kinds": [{"name": "a"}, {"name": "a"}]})", "kinds[1].name: ", "another kind"}));

TEST(RequestMixTest, AllThatAreBuiltInLoad) {
  ASSERT_FALSE(BuiltInMixes().empty());
  for (const std::string& name : BuiltInMixes()) {
    const auto mix = LoadMix(name);
    ASSERT_TRUE(mix.ok()) << mix.status();
    EXPECT_EQ(mix->name, name);
  }
}

TEST(RequestMixTest, AnythingElseIsAFile) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("mix.json", R"({"kinds": [{"name": "mine"}]})");
  const auto mix = LoadMix(file);
  ASSERT_TRUE(mix.ok()) << mix.status();
  EXPECT_EQ(mix->kinds[0].name, "mine");

  const auto missing = LoadMix("nonesuch");
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("neither one of plain, mixed"));
}

}  // namespace
}  // namespace darkroom
