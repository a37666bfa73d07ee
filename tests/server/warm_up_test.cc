#include "server/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_image_generator.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using testing::Contains;
using testing::Not;

constexpr BatchKey kKey = {1, 1};  // Of the fake's default size.
constexpr int64_t kBytesOfRow = 1000;

// The fake, on a device with a clock and a memory: every call takes time and bytes by its rows, and
// what it was asked is written down.
class WatchedGenerator final : public ImageGenerator {
 public:
  explicit WatchedGenerator(ManualClock& clock, std::string failing = "")
      : clock_(clock), failing_(std::move(failing)) {}

  const ModelInfo& info() const override { return info_; }
  // One more than asked, as with diffusers' trailing spacing.
  int StepCount(const ImageRequest& request) const override { return request.steps + 1; }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override {
    for (const ImageRequest* request : requests) requests_.push_back(*request);
    if (absl::Status s = Work("Start", requests.size()); !s.ok()) return s;
    return fake_.Start(requests);
  }
  absl::Status Step(std::span<ImageInProgress* const> rows) override {
    if (absl::Status s = Work("Step", rows.size()); !s.ok()) return s;
    return fake_.Step(rows);
  }
  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override {
    if (absl::Status s = Work("Finish", rows.size()); !s.ok()) return s;
    return fake_.Finish(rows);
  }
  absl::StatusOr<RgbImage> Preview(const ImageInProgress& row) override {
    return fake_.Preview(row);
  }
  int64_t PeakBytesOf(absl::FunctionRef<void()> work) override {
    peak_ = 0;
    work();
    return peak_;
  }
  int64_t AvailableBytes() const override { return available_; }
  int64_t TotalBytes() const override { return INT64_MAX; }

  void SetWarmsByShape() { info_.warms_by_shape = true; }
  void SetDefaultSize(ImageSize size) { info_.default_size = size; }
  void SetTimes(absl::Duration fixed, absl::Duration of_row) { fixed_ = fixed, of_row_ = of_row; }
  // Calls of more rows find no memory.
  void SetRoom(size_t rows) { room_ = rows; }
  void SetAvailable(int64_t bytes) { available_ = bytes; }

  // Each as "Step of 8".
  const std::vector<std::string>& calls() const { return calls_; }
  const std::vector<ImageRequest>& requests() const { return requests_; }

 private:
  absl::Status Work(const std::string& call, size_t rows) {
    calls_.push_back(absl::StrCat(call, " of ", rows));
    if (call == failing_) return absl::DataLossError("broken " + call);
    if (rows > room_) return absl::ResourceExhaustedError("out of memory");
    clock_.AdvanceTime(fixed_ + of_row_ * static_cast<double>(rows));
    peak_ = std::max(peak_, kBytesOfRow * static_cast<int64_t>(rows));
    return absl::OkStatus();
  }

  ManualClock& clock_;
  const std::string failing_;
  FakeImageGenerator fake_;
  ModelInfo info_ = fake_.info();
  absl::Duration fixed_ = absl::Milliseconds(10), of_row_ = absl::Milliseconds(1);
  size_t room_ = SIZE_MAX;
  int64_t available_ = INT64_MAX;
  int64_t peak_ = 0;
  std::vector<std::string> calls_;
  std::vector<ImageRequest> requests_;
};

class WarmUpTest : public testing::Test {
 protected:
  absl::StatusOr<DeviceProfile> Run() { return WarmUp(generator_, options_, clock_); }

  int Limit(const DeviceProfile& profile, CallKind kind, const BatchKey& key = kKey) {
    return profile.caps.Limit(kind, key, options_.max_batch_size, clock_.TimeNow());
  }

  ManualClock clock_;
  WatchedGenerator generator_{clock_};
  BatchOptions options_ = {.max_batch_size = 8};
};

TEST_F(WarmUpTest, MakesOneImageToItsEndAndThenAFullBatch) {
  ASSERT_OK(Run());
  std::vector<std::string> expected;
  for (const int rows : {1, 1, 8}) {  // The first of all teaches little.
    expected.push_back(absl::StrCat("Start of ", rows));
    const int steps = generator_.StepCount(generator_.requests().front());
    for (int i = 0; i < steps; ++i) expected.push_back(absl::StrCat("Step of ", rows));
    expected.push_back(absl::StrCat("Finish of ", rows));
  }
  EXPECT_EQ(generator_.calls(), expected);
}

TEST_F(WarmUpTest, AsksForTheModelsSizeWithGuidanceAndUnlikePrompts) {
  ASSERT_OK(Run());
  std::vector<std::string> prompts;
  for (const ImageRequest& request : generator_.requests()) {
    EXPECT_EQ(request.size.height, generator_.info().default_size.height);
    EXPECT_EQ(request.size.width, generator_.info().default_size.width);
    EXPECT_GT(request.guidance_scale, 1);
    prompts.push_back(request.prompt);
  }
  std::sort(prompts.end() - 8, prompts.end());
  EXPECT_EQ(std::unique(prompts.end() - 8, prompts.end()), prompts.end());
}

TEST_F(WarmUpTest, OfALargeModelMakesImagesOf256PixelsASide) {
  generator_.SetDefaultSize({1024, 128});
  ASSERT_OK(Run());
  EXPECT_EQ(generator_.requests().front().size.height, 256);
  EXPECT_EQ(generator_.requests().front().size.width, 128);
}

TEST_F(WarmUpTest, MeetsEveryShapeOfTheModelsSizeWhereThatSpeedsUpTheNext) {
  generator_.SetDefaultSize({1024, 768});
  generator_.SetWarmsByShape();
  ASSERT_OK(Run());
  for (const ImageRequest& request : generator_.requests()) {
    EXPECT_EQ(request.size.height, 1024);
    EXPECT_EQ(request.size.width, 768);
  }
  for (int rows = 1; rows <= 8; ++rows) {
    EXPECT_THAT(generator_.calls(), Contains(absl::StrCat("Finish of ", rows)));
  }
}

TEST_F(WarmUpTest, MeetsShapesOnlyUpToTheLargestBatchWithRoom) {
  generator_.SetWarmsByShape();
  generator_.SetRoom(5);
  ASSERT_OK(Run());
  EXPECT_THAT(generator_.calls(), Contains("Finish of 3"));
  EXPECT_THAT(generator_.calls(), Contains("Finish of 4"));
  EXPECT_THAT(generator_.calls(), Not(Contains("Start of 5")));
}

TEST_F(WarmUpTest, EndsWithTheShapesThatItMetInTenSeconds) {
  generator_.SetWarmsByShape();
  generator_.SetTimes(absl::Milliseconds(500), absl::ZeroDuration());
  options_.max_batch_size = 64;
  ASSERT_OK(Run());
  // A batch has a start, five steps and an end: 3.5 seconds.
  EXPECT_THAT(generator_.calls(), Contains("Finish of 3"));
  EXPECT_THAT(generator_.calls(), Not(Contains("Start of 4")));
}

TEST_F(WarmUpTest, MeetsOneShapeWherePassesArePadded) {
  generator_.SetWarmsByShape();
  options_.padded_sizes = {8};
  ASSERT_OK(Run());
  EXPECT_THAT(generator_.calls(), Not(Contains("Start of 3")));
}

TEST_F(WarmUpTest, OnASlowDeviceMakesOneImageAndNoMore) {
  generator_.SetTimes(absl::ZeroDuration(), absl::Seconds(2));
  ASSERT_OK(Run());
  EXPECT_EQ(generator_.requests().size(), 1u);
}

TEST_F(WarmUpTest, LearnsWhatCallsTake) {
  const auto profile = Run();
  ASSERT_OK(profile);
  EXPECT_NEAR(profile->costs.Start(kKey, 1), 0.011, 1e-9);
  EXPECT_NEAR(profile->costs.Step(kKey, 2), 0.011, 1e-9);
  EXPECT_NEAR(profile->costs.Finish(kKey, 1), 0.011, 1e-9);
  EXPECT_NEAR(profile->costs.Start(kKey, 8), 0.018, 0.001);
  EXPECT_NEAR(profile->costs.Step(kKey, 16), 0.018, 0.001);
}

TEST_F(WarmUpTest, KnowsThatPaddedPassesTakeWhatFullOnesDo) {
  options_.padded_sizes = {8};
  generator_.SetTimes(absl::Milliseconds(20), absl::ZeroDuration());
  const auto profile = Run();
  ASSERT_OK(profile);
  for (const int samples : {1, 2, 16}) EXPECT_NEAR(profile->costs.Step(kKey, samples), 0.02, 1e-9);
}

TEST_F(WarmUpTest, FindsTheLargestBatchThatMemoryHasRoomFor) {
  generator_.SetRoom(3);
  const auto profile = Run();
  ASSERT_OK(profile);
  EXPECT_THAT(generator_.calls(), Contains("Start of 8"));
  EXPECT_THAT(generator_.calls(), Contains("Start of 4"));
  EXPECT_THAT(generator_.calls(), Contains("Finish of 2"));
  EXPECT_EQ(Limit(*profile, CallKind::kStart), 2);
}

TEST_F(WarmUpTest, BoundsLargerImagesByWhatSmallOnesHeld) {
  // Rows of the warm-up's size: 50, of which 40 may be used.
  generator_.SetAvailable(50 * kBytesOfRow);
  const auto profile = Run();
  ASSERT_OK(profile);
  for (const CallKind kind : {CallKind::kStart, CallKind::kStep, CallKind::kFinish}) {
    EXPECT_EQ(Limit(*profile, kind), 8);
    EXPECT_EQ(Limit(*profile, kind, {2, 4}), 5);
    EXPECT_EQ(Limit(*profile, kind, {100, 100}), 1);
  }
}

TEST_F(WarmUpTest, WithoutRoomForOneImageFails) {
  generator_.SetRoom(0);
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kResourceExhausted));
}

class WarmUpFailureTest : public testing::TestWithParam<const char*> {};

TEST_P(WarmUpFailureTest, TheGeneratorsErrorPassesThroughAndIsTheLastCall) {
  ManualClock clock;
  WatchedGenerator generator(clock, GetParam());
  EXPECT_EQ(WarmUp(generator, {}, clock).status(),
            absl::DataLossError(absl::StrCat("broken ", GetParam())));
  EXPECT_EQ(generator.calls().back(), absl::StrCat(GetParam(), " of 1"));
}

INSTANTIATE_TEST_SUITE_P(Calls, WarmUpFailureTest, testing::Values("Start", "Step", "Finish"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace darkroom
