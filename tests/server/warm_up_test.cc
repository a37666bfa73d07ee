#include "server/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_image_generator.h"

namespace darkroom {
namespace {

// The fake, with what it was asked written down, and an error for calls of one name.
class WatchedGenerator final : public ImageGenerator {
 public:
  explicit WatchedGenerator(std::string failing = "") : failing_(std::move(failing)) {}

  const ModelInfo& info() const override { return info_; }
  void SetDefaultSize(ImageSize size) { info_.default_size = size; }
  // One more than asked, as with diffusers' trailing spacing.
  int StepCount(const ImageRequest& request) const override { return request.steps + 1; }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override {
    requests_ += requests.size();
    request_ = *requests.front();
    if (absl::Status s = Note("Start"); !s.ok()) return s;
    return fake_.Start(requests);
  }
  absl::Status Step(std::span<ImageInProgress* const> rows) override {
    if (absl::Status s = Note("Step"); !s.ok()) return s;
    return fake_.Step(rows);
  }
  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override {
    if (absl::Status s = Note("Finish"); !s.ok()) return s;
    return fake_.Finish(rows);
  }

  const std::vector<std::string>& calls() const { return calls_; }
  const ImageRequest& request() const { return request_; }
  size_t requests() const { return requests_; }

 private:
  absl::Status Note(const std::string& call) {
    calls_.push_back(call);
    return call == failing_ ? absl::DataLossError("broken " + call) : absl::OkStatus();
  }

  const std::string failing_;
  FakeImageGenerator fake_;
  ModelInfo info_ = fake_.info();
  std::vector<std::string> calls_;
  ImageRequest request_;
  size_t requests_ = 0;
};

TEST(WarmUpTest, MakesOneImageOfTheModelsSizeToItsEnd) {
  WatchedGenerator generator;
  const absl::Status status = WarmUp(generator, kMaxBatchSize, clock);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> expected(static_cast<size_t>(generator.request().steps) + 1, "Step");
  expected.insert(expected.begin(), "Start");
  expected.push_back("Finish");
  EXPECT_EQ(generator.calls(), expected);
  EXPECT_EQ(generator.requests(), 1u);
  EXPECT_EQ(generator.request().size.height, generator.info().default_size.height);
  EXPECT_EQ(generator.request().size.width, generator.info().default_size.width);
}

TEST(WarmUpTest, OfALargeModelMakesAnImageOf256PixelsASide) {
  WatchedGenerator generator;
  generator.SetDefaultSize({1024, 128});
  ASSERT_TRUE(WarmUp(generator, kMaxBatchSize, clock).ok());
  EXPECT_EQ(generator.request().size.height, 256);
  EXPECT_EQ(generator.request().size.width, 128);
}

TEST(WarmUpTest, RunsWithGuidanceAsCallersWill) {
  WatchedGenerator generator;
  ASSERT_TRUE(WarmUp(generator, kMaxBatchSize, clock).ok());
  EXPECT_GT(generator.request().guidance_scale, 1);
}

class WarmUpFailureTest : public testing::TestWithParam<const char*> {};

TEST_P(WarmUpFailureTest, TheGeneratorsErrorPassesThroughAndIsTheLastCall) {
  WatchedGenerator generator(GetParam());
  EXPECT_EQ(WarmUp(generator, kMaxBatchSize, clock),
            absl::DataLossError(std::string("broken ") + GetParam()));
  EXPECT_EQ(generator.calls().back(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Calls, WarmUpFailureTest, testing::Values("Start", "Step", "Finish"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace darkroom
