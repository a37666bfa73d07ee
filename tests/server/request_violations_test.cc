#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/request_parser.h"
#include "server/status_details.h"
#include "tests/server/request_drawing.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// The fields that a caller is told of.
std::vector<std::string> Violated(const absl::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(ToGrpcStatus(status).error_details()));
  std::vector<std::string> fields;
  for (const auto& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations())
      fields.push_back(violation.field());
  }
  return fields;
}

TEST(RequestViolationsTest, EveryViolationIsNamedAtOnce) {
  const auto parsed = Parse(R"pb(
    model: "../emoji"
    negative_prompt_2: "n"
    width: 12
    height: 0
    num_inference_steps: 31
    guidance_scale: nan
    num_images: 5
    seed: 1
    seeds: 2
    clip_skip: 99
    guidance_rescale: 2
    denoising_start: 0.5
    output { quality: 5 }
    request_id: "a b"
    micro_conditioning { negative_crop_top_left {} })pb");
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status()));
  EXPECT_EQ(ReasonOf(parsed.status()), "INVALID_FIELD");
  EXPECT_THAT(
      Violated(parsed.status()),
      UnorderedElementsAre("model", "negative_prompt_2", "width", "height", "num_inference_steps",
                           "guidance_scale", "num_images", "num_images", "seed", "guidance_rescale",
                           "output.quality", "denoising_start", "clip_skip",
                           "micro_conditioning.negative_crop_top_left", "request_id"));
}

TEST(RequestViolationsTest, AModelThatIsNotOursIsNotFound) {
  const absl::Status status = Parse(R"pb(model: "other")pb").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(ReasonOf(status), "MODEL_NOT_FOUND");
}

TEST(RequestViolationsTest, EveryFeatureThatIsNotBuiltIsRefusedByItsField) {
  const std::pair<const char*, const char*> cases[] = {
      {"prompt_syntax: PROMPT_SYNTAX_WEIGHTED", "prompt_syntax"},
      {"aesthetic_score: 6", "aesthetic_score"},
      {"negative_aesthetic_score: 2.5", "negative_aesthetic_score"},
      {"loras {}", "loras"}};
  for (const auto& [text, field] : cases) {
    const absl::Status status = Parse(text).status();
    EXPECT_THAT(Violated(status), ElementsAre(field));
    EXPECT_EQ(ReasonOf(status), "NOT_BUILT") << field;
  }
}

TEST(RequestViolationsTest, WhatIsNoImageIsRefusedAsSuch) {
  const absl::Status status = Parse(R"pb(init_image { data: "GIF89a" })pb").status();
  EXPECT_THAT(Violated(status), ElementsAre("init_image.data"));
  EXPECT_EQ(ReasonOf(status), "IMAGE_DECODE");
}

class InitImageTest : public testing::Test {
 protected:
  // The fields that a request with an image of 64x64 violates.
  static std::vector<std::string> Violations(const std::string& text, ImageSize size = {64, 64}) {
    v1::GenerateImagesRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    request.mutable_init_image()->set_data(PngFile(size));
    const auto parsed = ParseRequest(request, kSmallModel, kSmallRules);
    return parsed.ok() ? std::vector<std::string>() : Violated(parsed.status());
  }
};

TEST_F(InitImageTest, StrengthIsAboveZeroAndAtMostOne) {
  for (const char* strength : {"0", "-0.5", "1.01", "nan", "inf"}) {
    EXPECT_THAT(Violations(absl::StrCat("init_image { strength: ", strength, " }")),
                ElementsAre("init_image.strength"));
  }
  EXPECT_THAT(Violations("init_image { strength: 1 }"), IsEmpty());
}

TEST_F(InitImageTest, StepsTimesStrengthBelowOneNamesBoth) {
  EXPECT_THAT(Violations("num_inference_steps: 3"),
              UnorderedElementsAre("num_inference_steps", "init_image.strength"));
  EXPECT_THAT(Violations("num_inference_steps: 4"), IsEmpty());
  EXPECT_THAT(Violations("num_inference_steps: 10 init_image { strength: 0.1 }"), IsEmpty());
}

TEST_F(InitImageTest, DenoisingStartTakesThePlaceOfStrength) {
  EXPECT_THAT(Violations("num_inference_steps: 1 denoising_start: 0.5"), IsEmpty());
  EXPECT_THAT(Violations("denoising_start: 0.5 init_image { strength: 0.5 }"),
              ElementsAre("init_image.strength"));
  EXPECT_THAT(Violations("denoising_start: 0.5 denoising_end: 0.5"),
              ElementsAre("denoising_start"));
  EXPECT_THAT(Violations("denoising_start: 1.5"), ElementsAre("denoising_start"));
  EXPECT_THAT(Violated(Parse("denoising_start: 0.5").status()), ElementsAre("denoising_start"));
}

TEST_F(InitImageTest, AnImageTooSmallForTheModelNeedsASize) {
  EXPECT_THAT(Violations("", {7, 64}), ElementsAre("init_image.data"));
  EXPECT_THAT(Violations("height: 64", {7, 64}), IsEmpty());
}

TEST_F(InitImageTest, AnImageLargerThanTheLimitIsNamedByTheSizeItMakes) {
  EXPECT_THAT(Violations("", {512, 64}), UnorderedElementsAre("width", "height"));
  EXPECT_THAT(Violations("height: 64", {512, 64}), IsEmpty());
}

TEST_F(InitImageTest, NegativeSizesStandAlone) {
  EXPECT_THAT(Violations("micro_conditioning { negative_target_size { height: 8 width: 8 } "
                         "negative_crop_top_left {} }"),
              IsEmpty());
}

TEST(RequestViolationsTest, DrawnRequestsNeverCrashAndAcceptedOnesObeyEveryLimit) {
  SeededRandom random;
  int accepted = 0, with_image = 0;
  for (int round = 0; round < 20'000; ++round) {
    v1::GenerateImagesRequest request;
    DrawFields(random, request);
    const auto parsed = ParseRequest(request, kSmallModel, kSmallRules);
    if (!parsed.ok()) {
      const bool not_found = absl::IsNotFound(parsed.status());
      ASSERT_TRUE(not_found || absl::IsInvalidArgument(parsed.status())) << parsed.status();
      ASSERT_EQ(Violated(parsed.status()).empty(), not_found) << request.ShortDebugString();
      continue;
    }
    ++accepted;
    ASSERT_GE(parsed->images.size(), 1u);
    ASSERT_LE(parsed->images.size(), 4u);
    const ImageRequest& image = parsed->images.back();
    SCOPED_TRACE(request.ShortDebugString());
    ASSERT_TRUE(image.size.height > 0 && image.size.height % 8 == 0) << image.size.height;
    ASSERT_TRUE(image.size.width > 0 && image.size.width % 8 == 0) << image.size.width;
    ASSERT_LE(int64_t{image.size.height} * image.size.width, kSmallRules.max_pixels);
    ASSERT_TRUE(image.steps >= 1 && image.steps <= kSmallRules.max_steps) << image.steps;
    ASSERT_TRUE(image.guidance_scale >= 0 && image.guidance_scale <= 50) << image.guidance_scale;
    ASSERT_TRUE(image.guidance_rescale >= 0 && image.guidance_rescale <= 1);
    ASSERT_TRUE(image.denoising_end > 0 && image.denoising_end <= 1) << image.denoising_end;
    ASSERT_TRUE(image.clip_skip >= 0 && image.clip_skip <= kSmallModel.max_clip_skip);
    ASSERT_LE(image.prompt.size(), 8192u);
    ASSERT_TRUE(parsed->format != v1::IMAGE_FORMAT_UNSPECIFIED &&
                v1::ImageFormat_IsValid(parsed->format));
    ASSERT_TRUE(parsed->quality >= 1 && parsed->quality <= 100) << parsed->quality;
    ASSERT_TRUE(image.strength > 0 && image.strength <= 1) << image.strength;
    with_image += request.has_init_image();
    ASSERT_TRUE(parsed->request_id.size() >= 1 && parsed->request_id.size() <= 64);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(with_image, 10);
}

}  // namespace
}  // namespace darkroom
