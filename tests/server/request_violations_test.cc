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
    init_image {}
    output { quality: 5 }
    request_id: "a b"
    micro_conditioning { negative_crop_top_left {} })pb");
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status()));
  EXPECT_EQ(ReasonOf(parsed.status()), "INVALID_FIELD");
  EXPECT_THAT(
      Violated(parsed.status()),
      UnorderedElementsAre("model", "negative_prompt_2", "width", "height", "num_inference_steps",
                           "guidance_scale", "num_images", "num_images", "seed", "guidance_rescale",
                           "output.quality", "init_image", "clip_skip",
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
      {"generator_device: GENERATOR_DEVICE_CUDA", "generator_device"},
      {"priority: PRIORITY_HIGH", "priority"},
      {"output { format: IMAGE_FORMAT_JPEG }", "output.format"},
      {"aesthetic_score: 6", "aesthetic_score"},
      {"negative_aesthetic_score: 2.5", "negative_aesthetic_score"},
      {"denoising_start: 0", "denoising_start"},
      {"loras {}", "loras"}};
  for (const auto& [text, field] : cases) {
    const absl::Status status = Parse(text).status();
    EXPECT_THAT(Violated(status), ElementsAre(field));
    EXPECT_EQ(ReasonOf(status), "NOT_BUILT") << field;
  }
}

TEST(RequestViolationsTest, DrawnRequestsNeverCrashAndAcceptedOnesObeyEveryLimit) {
  SeededRandom random;
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    v1::GenerateImagesRequest request;
    DrawFields(random, request);
    const auto parsed = ParseRequest(request, kSmallModel, kSmallLimits);
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
    ASSERT_LE(int64_t{image.size.height} * image.size.width, kSmallLimits.max_pixels);
    ASSERT_TRUE(image.steps >= 1 && image.steps <= kSmallLimits.max_steps) << image.steps;
    ASSERT_TRUE(image.guidance_scale >= 0 && image.guidance_scale <= 50) << image.guidance_scale;
    ASSERT_TRUE(image.guidance_rescale >= 0 && image.guidance_rescale <= 1);
    ASSERT_TRUE(image.denoising_end > 0 && image.denoising_end <= 1) << image.denoising_end;
    ASSERT_TRUE(image.clip_skip >= 0 && image.clip_skip <= kSmallModel.max_clip_skip);
    ASSERT_LE(image.prompt.size(), 8192u);
    ASSERT_TRUE(parsed->format == v1::IMAGE_FORMAT_PNG ||
                parsed->format == v1::IMAGE_FORMAT_RAW_RGB);
    ASSERT_TRUE(parsed->request_id.size() >= 1 && parsed->request_id.size() <= 64);
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace darkroom
