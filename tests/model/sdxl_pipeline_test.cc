// The generator over the embedded model. That its images are diffusers' own is proven by
// tests/parity; here, that no image depends on the company it keeps.

#include "model/sdxl_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using Images = std::vector<RgbImage>;

constexpr char kModel[] = "models/emoji";

ImageRequest MakeRequest(const std::string& prompt, uint64_t seed, int steps,
                         ImageSize size = {64, 64}) {
  ImageRequest request{
      .prompt = prompt, .size = size, .steps = steps, .guidance_scale = 5, .seed = seed};
  request.conditioning = {.original_size = size, .target_size = size};
  request.negative_conditioning = request.conditioning;
  return request;
}

// At least 99.9 % of the values are equal, or of a small image all but four, and none is off by
// more than 1.
testing::AssertionResult Same(const RgbImage& actual, const RgbImage& expected) {
  if (actual.size.height != expected.size.height || actual.size.width != expected.size.width ||
      actual.pixels.size() != expected.pixels.size()) {
    return testing::AssertionFailure() << "the sizes differ";
  }
  size_t different = 0;
  int largest = 0;
  for (size_t i = 0; i < actual.pixels.size(); ++i) {
    const int off = std::abs(int{actual.pixels[i]} - int{expected.pixels[i]});
    different += off > 0;
    largest = std::max(largest, off);
  }
  if (largest <= 1 && different * 1000 <= std::max<size_t>(actual.pixels.size(), 4000))
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << different << " of " << actual.pixels.size() << " values differ, by up to " << largest;
}

class SdxlPipelineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto loaded = LoadSdxlPipeline(kModel, {.threads = 2});
    ASSERT_OK(loaded);
    generator_ = std::move(*loaded).release();  // Lives as long as the program.
  }

  static std::vector<std::unique_ptr<ImageInProgress>> Start(
      const std::vector<ImageRequest>& requests) {
    std::vector<const ImageRequest*> pointers;
    for (const ImageRequest& request : requests) pointers.push_back(&request);
    return generator_->Start(pointers).value();
  }

  // All requests as rows of the same passes, for as long as each has steps; each is decoded with
  // those that end with it.
  static Images Together(const std::vector<ImageRequest>& requests) {
    const auto rows = Start(requests);
    std::vector<int> left;
    for (const ImageRequest& request : requests) left.push_back(generator_->StepCount(request));
    Images images(requests.size());
    while (std::any_of(left.begin(), left.end(), [](int steps) { return steps > 0; })) {
      std::vector<ImageInProgress*> stepping, ending;
      std::vector<size_t> ending_at;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (left[i] > 0) stepping.push_back(rows[i].get());
        if (left[i]-- == 1) {
          ending.push_back(rows[i].get());
          ending_at.push_back(i);
        }
      }
      EXPECT_OK(generator_->Step(stepping));
      if (ending.empty()) continue;
      Images ended = generator_->Finish(ending).value();
      for (size_t k = 0; k < ended.size(); ++k) images[ending_at[k]] = std::move(ended[k]);
    }
    return images;
  }

  static RgbImage Alone(const ImageRequest& request) { return Together({request}).front(); }

  // Rows that differ in everything a row may.
  static std::vector<ImageRequest> DifferentRows(ImageSize size) {
    std::vector<ImageRequest> rows = {
        MakeRequest("a red apple on a blue background", 1, 5, size),
        MakeRequest("a penguin on a white background", 2, 8, size),
        MakeRequest("a rocket", 1, 6, size),
        MakeRequest("", 4, 1, size),
        MakeRequest("a red apple on a blue background", 5, 5, size),
    };
    rows[1].guidance_scale = 1;  // No guidance.
    rows[2].negative_prompt = "blurry";
    rows[2].negative_prompt_2 = "text";
    rows[2].guidance_scale = 9.5;
    rows[2].spacing = TimestepSpacing::kTrailing;
    rows[3].negative_prompt = "";
    rows[3].spacing = TimestepSpacing::kLinspace;
    rows[4].prompt_2 = "a cup of coffee";
    rows[4].conditioning = {.original_size = {512, 1024}, .crop_top = 8, .target_size = {32, 32}};
    return rows;
  }

  static ImageGenerator* generator_;
};

ImageGenerator* SdxlPipelineTest::generator_ = nullptr;

TEST_F(SdxlPipelineTest, RowsTogetherAreEachAsAlone) {
  for (const ImageSize size : {ImageSize{64, 64}, ImageSize{24, 40}}) {
    const std::vector<ImageRequest> rows = DifferentRows(size);
    const Images together = Together(rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_TRUE(Same(together[i], Alone(rows[i]))) << "row " << i;
    }
  }
}

TEST_F(SdxlPipelineTest, NeighboursAndOrderDoNotMatter) {
  SeededRandom random;
  std::vector<ImageRequest> rows = DifferentRows({64, 64});
  const Images expected = Together(rows);
  for (int round = 0; round < 3; ++round) {
    std::vector<size_t> order(rows.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937_64(random.Bits()));
    order.resize(random.Between(1, rows.size()));
    std::vector<ImageRequest> some;
    for (const size_t i : order) some.push_back(rows[i]);
    const Images images = Together(some);
    for (size_t k = 0; k < order.size(); ++k) {
      EXPECT_TRUE(Same(images[k], expected[order[k]])) << "row " << order[k] << " as " << k;
    }
  }
}

TEST_F(SdxlPipelineTest, AnotherSeedOrPromptIsAnotherImage) {
  const ImageRequest request = MakeRequest("a red apple", 1, 3);
  EXPECT_FALSE(Same(Alone(request), Alone(MakeRequest("a red apple", 2, 3))));
  EXPECT_FALSE(Same(Alone(request), Alone(MakeRequest("a penguin", 1, 3))));
}

TEST_F(SdxlPipelineTest, LatentsOfOddExtentMakeImagesOfTheRequestedSize) {
  // 24 and 40 pixels are 6 and 10 latents; down- and upsampling pass 3 and 5.
  for (const ImageSize size : {ImageSize{8, 8}, ImageSize{24, 40}, ImageSize{104, 56}}) {
    const RgbImage image = Alone(MakeRequest("a cat", 3, 1, size));
    EXPECT_EQ(image.size.height, size.height);
    EXPECT_EQ(image.size.width, size.width);
    EXPECT_EQ(image.pixels.size(), static_cast<size_t>(size.height * size.width * 3));
  }
}

TEST_F(SdxlPipelineTest, StepCountIsTheSchedulesOwn) {
  ImageRequest request = MakeRequest("a cat", 3, 61);
  EXPECT_EQ(generator_->StepCount(request), 61);
  request.spacing = TimestepSpacing::kTrailing;
  EXPECT_EQ(generator_->StepCount(request), 62);
}

TEST_F(SdxlPipelineTest, TruncatedTokensAreThoseOfTheLongestPromptThatIsUsed) {
  const auto words = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "cat ";
    return text;
  };
  std::vector<ImageRequest> requests(5, MakeRequest(words(75), 1, 1));
  requests[1].prompt = words(76);
  requests[2].prompt_2 = words(80);
  requests[3].negative_prompt = words(90);
  requests[4].negative_prompt = words(90);
  requests[4].guidance_scale = 1;  // Without guidance, nobody reads it.
  std::vector<int> truncated;
  for (const auto& row : Start(requests)) truncated.push_back(row->truncated_tokens());
  EXPECT_THAT(truncated, testing::ElementsAre(0, 1, 5, 15, 0));
}

TEST_F(SdxlPipelineTest, InfoTellsOfTheModel) {
  const ModelInfo& info = generator_->info();
  EXPECT_EQ(info.id, "emoji");
  EXPECT_EQ(info.default_size.height, 64);
  EXPECT_EQ(info.size_multiple % info.latent_factor, 0);
}

}  // namespace
}  // namespace darkroom
