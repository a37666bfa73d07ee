// Previews of rows under way, on the embedded model. The oracle is the row's own image, averaged
// down to one pixel per latent.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/sdxl_pipeline.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

constexpr char kModel[] = "models/emoji";

ImageRequest MakeRequest(const std::string& prompt, uint64_t seed, ImageSize size = {64, 64}) {
  ImageRequest request{
      .prompt = prompt, .size = size, .steps = 8, .guidance_scale = 5, .seed = seed};
  request.conditioning = {.original_size = size, .target_size = size};
  request.negative_conditioning = request.conditioning;
  return request;
}

// One pixel for each factor x factor of the image.
RgbImage AverageDown(const RgbImage& image, int factor) {
  RgbImage small{.size = {image.size.height / factor, image.size.width / factor}};
  for (int y = 0; y < small.size.height; ++y) {
    for (int x = 0; x < small.size.width; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        int sum = 0;
        for (int k = 0; k < factor * factor; ++k) {
          const int row = y * factor + k / factor;
          const int column = x * factor + k % factor;
          sum +=
              image.pixels.at(static_cast<size_t>((row * image.size.width + column) * 3 + channel));
        }
        small.pixels.push_back(static_cast<uint8_t>(sum / (factor * factor)));
      }
    }
  }
  return small;
}

// Pearson's coefficient over all values of all channels.
double Correlation(const RgbImage& a, const RgbImage& b) {
  const auto count = static_cast<double>(a.pixels.size());
  double sum_a = 0, sum_b = 0, sum_aa = 0, sum_bb = 0, sum_ab = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double x = a.pixels[i];
    const double y = b.pixels.at(i);
    sum_a += x, sum_b += y, sum_aa += x * x, sum_bb += y * y, sum_ab += x * y;
  }
  const double covariance = sum_ab - sum_a * sum_b / count;
  return covariance /
         std::sqrt((sum_aa - sum_a * sum_a / count) * (sum_bb - sum_b * sum_b / count));
}

struct Made {
  std::vector<RgbImage> previews;  // Before the first step, and after each.
  RgbImage image;
};

class PreviewTest : public testing::TestWithParam<SchedulerType> {
 protected:
  static void SetUpTestSuite() {
    if (generator_ != nullptr) return;
    auto loaded = LoadSdxlPipeline(kModel, {.threads = 1});
    ASSERT_OK(loaded);
    generator_ = std::move(*loaded).release();  // Lives as long as the program.
  }

  static Made Make(const ImageRequest& request, bool with_previews = true) {
    const ImageRequest* const pointer = &request;
    const auto rows = generator_->Start({&pointer, 1}).value();
    ImageInProgress* const row = rows.front().get();
    Made made;
    const auto preview = [&] {
      if (with_previews) made.previews.push_back(generator_->Preview(*row).value());
    };
    preview();
    for (int step = 0; step < generator_->StepCount(request); ++step) {
      EXPECT_OK(generator_->Step({&row, 1}));
      preview();
    }
    made.image = std::move(generator_->Finish({&row, 1}).value().front());
    return made;
  }

  ImageRequest DrawRequest(const std::string& prompt, ImageSize size = {64, 64}) {
    ImageRequest request = MakeRequest(prompt, random_.Bits(), size);
    request.scheduler = GetParam();
    return request;
  }

  static ImageGenerator* generator_;
  SeededRandom random_;
};

ImageGenerator* PreviewTest::generator_ = nullptr;

// In the first half of the steps the image itself is hardly decided.
TEST_P(PreviewTest, LooksLikeItsOwnImageInTheLastQuarter) {
  const Made apple = Make(DrawRequest("a red apple on a blue background"));
  const Made penguin = Make(DrawRequest("a penguin on a white background"));
  for (const auto& [own, other] : {std::pair(&apple, &penguin), std::pair(&penguin, &apple)}) {
    const RgbImage small = AverageDown(own->image, generator_->info().latent_factor);
    EXPECT_GT(Correlation(own->previews.at(own->previews.size() * 3 / 4), small), 0.5);
    EXPECT_GT(Correlation(own->previews.back(), small), 0.85);
    EXPECT_LT(Correlation(other->previews.back(), small), 0.85);
  }
}

TEST_P(PreviewTest, LeavesTheImageTheSameBits) {
  const ImageRequest request = DrawRequest("a rocket", {24, 40});
  EXPECT_EQ(Make(request).image.pixels, Make(request, /*with_previews=*/false).image.pixels);
}

TEST_P(PreviewTest, HasOnePixelForEachLatent) {
  const int factor = generator_->info().latent_factor;
  for (const RgbImage& preview : Make(DrawRequest("a cat", {24, 40})).previews) {
    EXPECT_EQ(preview.size.height, 24 / factor);
    EXPECT_EQ(preview.size.width, 40 / factor);
    EXPECT_EQ(preview.pixels.size(), static_cast<size_t>(24 / factor * 40 / factor * 3));
  }
}

INSTANTIATE_TEST_SUITE_P(Schedulers, PreviewTest,
                         testing::Values(SchedulerType::kEuler, SchedulerType::kEulerAncestral,
                                         SchedulerType::kDpmpp2m, SchedulerType::kDpmpp2mKarras,
                                         SchedulerType::kDpmpp2mSde, SchedulerType::kDdim,
                                         SchedulerType::kUniPc, SchedulerType::kHeun,
                                         SchedulerType::kLcm));

TEST(PreviewFailureTest, WhatIsNotANumberIsDataLoss) {
  const auto generator = LoadSdxlPipeline(kModel, {.threads = 1}).value();
  ImageRequest request = MakeRequest("a cat", 1);
  request.guidance_scale = 1e39;  // Infinite in float32.
  const ImageRequest* const pointer = &request;
  const auto rows = generator->Start({&pointer, 1}).value();
  ImageInProgress* const row = rows.front().get();
  EXPECT_OK(generator->Preview(*row));
  ASSERT_OK(generator->Step({&row, 1}));
  EXPECT_THAT(generator->Preview(*row), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace darkroom
