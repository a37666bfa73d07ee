#include "server/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "tests/server/request_drawing.h"

namespace darkroom {
namespace {

using testing::ElementsAre;

std::vector<uint64_t> Seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  const auto parsed = Parse(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (!parsed.ok()) return seeds;
  for (const ImageRequest& image : parsed->images) seeds.push_back(image.seed);
  return seeds;
}

TEST(RequestParserTest, EveryDefaultIsResolved) {
  const auto parsed = Parse(R"pb(prompt: "a red apple")pb");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->format, v1::IMAGE_FORMAT_PNG);
  EXPECT_TRUE(parsed->embed_parameters);
  EXPECT_FALSE(parsed->request_id.empty());
  ASSERT_EQ(parsed->images.size(), 1u);
  EXPECT_LE(parsed->images[0].seed, std::numeric_limits<uint32_t>::max());
  const MicroConditioning own = {.original_size = {64, 128}, .target_size = {64, 128}};
  const ImageRequest expected = {.prompt = "a red apple",
                                 .size = {64, 128},
                                 .steps = 20,
                                 .guidance_scale = 5,
                                 .seed = parsed->images[0].seed,
                                 .conditioning = own,
                                 .negative_conditioning = own};
  EXPECT_EQ(Spelled(parsed->images[0]), Spelled(expected));
}

TEST(RequestParserTest, WhatIsAbsentIsDrawnAnewForEachRequest) {
  const auto first = Parse(""), second = Parse("");
  EXPECT_NE(first->request_id, second->request_id);
  EXPECT_NE(first->images[0].seed, second->images[0].seed);  // Equal once in 2^32 runs.
}

TEST(RequestParserTest, WhatIsSetIsTaken) {
  const auto parsed = Parse(R"pb(
    model: "emoji"
    prompt: "p"
    prompt_2: "q"
    negative_prompt: ""
    negative_prompt_2: "n"
    width: 8
    height: 256
    num_inference_steps: 30
    guidance_scale: 0
    seed: 9
    timestep_spacing: TIMESTEP_SPACING_TRAILING
    request_id: "A.z_0-"
    output { format: IMAGE_FORMAT_RAW_RGB omit_parameters: true })pb");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->request_id, "A.z_0-");
  EXPECT_EQ(parsed->format, v1::IMAGE_FORMAT_RAW_RGB);
  EXPECT_FALSE(parsed->embed_parameters);
  const MicroConditioning own = {.original_size = {256, 8}, .target_size = {256, 8}};
  const ImageRequest expected = {.prompt = "p",
                                 .prompt_2 = "q",
                                 .negative_prompt = "",
                                 .negative_prompt_2 = "n",
                                 .size = {256, 8},
                                 .steps = 30,
                                 .guidance_scale = 0,
                                 .seed = 9,
                                 .spacing = TimestepSpacing::kTrailing,
                                 .conditioning = own,
                                 .negative_conditioning = own};
  EXPECT_EQ(Spelled(parsed->images[0]), Spelled(expected));
}

TEST(RequestParserTest, AnInitImageGivesItsSizeRoundedDownWhereTheRequestHasNone) {
  const auto size = [](const std::string& text) {
    v1::GenerateImagesRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    request.mutable_init_image()->set_data(PngFile({47, 90}));
    const ImageSize made =
        ParseRequest(request, kSmallModel, kSmallRules).value().images.front().size;
    return std::pair(made.height, made.width);
  };
  EXPECT_EQ(size(""), std::pair(40, 88));
  EXPECT_EQ(size("width: 16"), std::pair(40, 16));
  EXPECT_EQ(size("width: 64 height: 64"), std::pair(64, 64));
}

TEST(RequestParserTest, SeedsCountUpAndWrapAroundOrAreTheListed) {
  EXPECT_THAT(Seeds("seed: 7 num_images: 3"), ElementsAre(7, 8, 9));
  EXPECT_THAT(Seeds("seed: 18446744073709551614 num_images: 4"),
              ElementsAre(18446744073709551614u, 18446744073709551615u, 0, 1));
  EXPECT_THAT(Seeds("seeds: [5, 5, 0, 18446744073709551615]"),
              ElementsAre(5, 5, 0, 18446744073709551615u));
  const std::vector<uint64_t> drawn = Seeds("num_images: 2");
  EXPECT_EQ(drawn.at(1), drawn.at(0) + 1);
}

class MicroConditioningTest : public testing::Test {
 protected:
  // The positive and the negative conditioning of a request that says this.
  static std::pair<std::string, std::string> Told(const std::string& text) {
    const auto parsed = Parse("micro_conditioning { " + text + " }");
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    if (!parsed.ok()) return {};
    return {Spelled(parsed->images[0].conditioning),
            Spelled(parsed->images[0].negative_conditioning)};
  }

  const std::string positive_ =
      "original_size { height: 1 width: 2 } crop_top_left { top: 3 left: 4 } "
      "target_size { height: 5 width: 6 } ";
  const std::string negative_sizes_ =
      "negative_original_size { height: 7 width: 8 } negative_target_size { height: 9 width: 10 } ";
  const std::string given_ = Spelled(MicroConditioning{{1, 2}, 3, 4, {5, 6}});
};

TEST_F(MicroConditioningTest, WhatIsAbsentIsTheImagesOwnSize) {
  const std::string told = Spelled(MicroConditioning{{64, 128}, 3, 0, {64, 128}});
  EXPECT_EQ(Told("crop_top_left { top: 3 }"), std::pair(told, told));
}

TEST_F(MicroConditioningTest, NegativeTwinsAreThePositiveOnesWhereAbsent) {
  EXPECT_EQ(Told(positive_), std::pair(given_, given_));
  EXPECT_EQ(Told(positive_ + negative_sizes_),
            std::pair(given_, Spelled(MicroConditioning{{7, 8}, 3, 4, {9, 10}})));
}

TEST_F(MicroConditioningTest, ANegativeCropThatIsSetIsTakenWhole) {
  EXPECT_EQ(Told(positive_ + negative_sizes_ + "negative_crop_top_left { left: 11 }"),
            std::pair(given_, Spelled(MicroConditioning{{7, 8}, 0, 11, {9, 10}})));
}

}  // namespace
}  // namespace darkroom
