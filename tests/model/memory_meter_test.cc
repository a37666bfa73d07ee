#include "model/memory_meter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "model/sdxl_pipeline.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

constexpr int64_t kMebibyte = 1 << 20;
constexpr int64_t kSlack = 8192;  // What the allocator adds to a block at most.

at::Tensor Make(int64_t bytes) { return at::empty({bytes}, at::kByte); }

auto IsAbout(int64_t bytes) { return AllOf(Ge(bytes), Le(bytes + kSlack)); }

TEST(PeakBytesTest, IsWhatWasHeldAtOnceAtMost) {
  const int64_t peak = PeakBytesOf([] {
    const at::Tensor kept = Make(3 * kMebibyte);
    Make(5 * kMebibyte);
    Make(4 * kMebibyte);
  });
  EXPECT_THAT(peak, IsAbout(8 * kMebibyte));
}

TEST(PeakBytesTest, OfNothingIsNothing) {
  EXPECT_EQ(PeakBytesOf([] {}), 0);
}

TEST(PeakBytesTest, CountsBeyondWhatWasHeldBefore) {
  at::Tensor kept;
  EXPECT_THAT(PeakBytesOf([&] { kept = Make(2 * kMebibyte); }), IsAbout(2 * kMebibyte));
  EXPECT_THAT(PeakBytesOf([] { Make(kMebibyte); }), IsAbout(kMebibyte));
  // What is freed makes room.
  EXPECT_THAT(PeakBytesOf([&] {
                kept.reset();
                Make(3 * kMebibyte);
              }),
              IsAbout(kMebibyte));
}

TEST(PeakBytesTest, CountsEveryThreadAndBlocksThatOutliveIt) {
  at::Tensor made_there;
  const int64_t peak = PeakBytesOf([&] {
    std::thread thread([&] { made_there = Make(6 * kMebibyte); });
    thread.join();
  });
  EXPECT_THAT(peak, IsAbout(6 * kMebibyte));
  made_there.reset();
  EXPECT_THAT(PeakBytesOf([] { Make(kMebibyte); }), IsAbout(kMebibyte));
}

TEST(PeakBytesTest, DrawnBlocksAddUp) {
  SeededRandom random;
  std::vector<std::optional<at::Tensor>> blocks(20);
  int64_t held = 0, most = 0;
  const int64_t peak = PeakBytesOf([&] {
    for (int i = 0; i < 1000; ++i) {
      std::optional<at::Tensor>& block = blocks[random.Between(0, blocks.size() - 1)];
      if (block) held -= block->numel();
      block.reset();
      if (random.Between(0, 2) == 0) continue;
      block = Make(static_cast<int64_t>(random.Between(1, 100'000)));
      held += block->numel();
      most = std::max(most, held);
    }
  });
  EXPECT_GE(peak, most);
  EXPECT_LE(peak, most + kSlack * static_cast<int64_t>(blocks.size()));
}

TEST(AvailableBytesTest, IsSomeOfTheMachines) {
  EXPECT_GT(AvailableBytes(), 0);
  EXPECT_LT(AvailableBytes(), int64_t{1} << 50);
}

// The peaks of a batch's calls, bytes for each latent of each row. Start's follow the prompts.
struct Peaks {
  double step = 0, finish = 0;
};

Peaks PeaksOf(ImageGenerator& generator, ImageSize size, int rows) {
  ImageRequest request{.prompt = "a cat", .size = size, .steps = 1, .guidance_scale = 5};
  request.conditioning = {.original_size = size, .target_size = size};
  request.negative_conditioning = request.conditioning;
  const std::vector<const ImageRequest*> requests(static_cast<size_t>(rows), &request);
  std::vector<std::unique_ptr<ImageInProgress>> started;
  std::vector<ImageInProgress*> images;
  Peaks peaks;
  const int factor = generator.info().latent_factor;
  const double latents = rows * (size.height / factor) * (size.width / factor);
  const auto measure = [&](double& peak, auto call) {
    peak = static_cast<double>(generator.PeakBytesOf([&] { EXPECT_OK(call()); })) / latents;
  };
  started = generator.Start(requests).value();
  for (const auto& row : started) images.push_back(row.get());
  measure(peaks.step, [&] { return generator.Step(images); });
  measure(peaks.finish, [&] { return generator.Finish(images).status(); });
  return peaks;
}

// What bounds batches is a proportion: nothing may grow faster than the latents do.
TEST(PipelineMemoryTest, LargerImagesAndBatchesHoldInProportionAtMost) {
  const auto generator = LoadSdxlPipeline("models/emoji", {}).value();
  PeaksOf(*generator, {64, 64}, 1);
  const Peaks small = PeaksOf(*generator, {64, 64}, 8);
  ASSERT_GT(small.step, 0);
  for (const ImageSize size : {ImageSize{128, 128}, ImageSize{256, 192}}) {
    for (const int rows : {1, 4, 8}) {
      const Peaks large = PeaksOf(*generator, size, rows);
      constexpr double kTolerance = 1.1;
      EXPECT_LE(large.step, kTolerance * small.step) << size.height << " x " << rows;
      EXPECT_LE(large.finish, kTolerance * small.finish) << size.height << " x " << rows;
    }
  }
}

}  // namespace
}  // namespace darkroom
