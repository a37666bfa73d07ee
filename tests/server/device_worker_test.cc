#include "server/device_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "server/status_details.h"
#include "tests/support/fake_image_generator.h"

namespace darkroom {
namespace {

class DeviceWorkerTest : public testing::Test {
 protected:
  static ImageRequest MakeRequest(const std::string& prompt, uint64_t seed, int steps = 2) {
    return {.prompt = prompt, .size = {8, 8}, .steps = steps, .seed = seed};
  }

  // Submits one image; its spelling, or its error's message, lands in `result`.
  absl::Status Submit(const ImageRequest& request, std::string& result,
                      absl::BlockingCounter& left) {
    std::vector<ImageJob> jobs;
    jobs.push_back({.request = request, .done = [&](absl::StatusOr<FinishedImage> image) {
                      result = image.ok() ? std::string(image->image.pixels.begin(),
                                                        image->image.pixels.end())
                                          : std::string(image.status().message());
                      left.DecrementCount();
                    }});
    return worker_.Submit(worker_.ReserveRows(1), std::move(jobs), {});
  }

  FakeImageGenerator generator_;
  absl::Status lost_;
  Metrics metrics_{generator_.info(), 1000};
  DeviceWorker worker_{generator_,
                       {.window = absl::ZeroDuration(),
                        .limits = {.images = 200'000,
                                   .images_per_tenant = 200'000,
                                   .pixels = int64_t{1} << 40,
                                   .pixel_steps = int64_t{1} << 50}},
                       {},
                       SteadyClock(),
                       metrics_,
                       [this](const absl::Status& status) { lost_ = status; }};
};

TEST_F(DeviceWorkerTest, NoneOfAHundredThousandImagesIsLostDoubledOrCrossed) {
  constexpr int kCallers = 4;
  constexpr int kEach = 25'000;
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::vector<std::string> results(kCallers * kEach), expected(kCallers * kEach);
  std::vector<std::atomic<int>> answers(kCallers * kEach);
  absl::BlockingCounter left(kCallers * kEach);
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      std::mt19937_64 draw(seed + static_cast<unsigned>(c));
      for (int i = c * kEach; i < (c + 1) * kEach; ++i) {
        ImageRequest request = MakeRequest(absl::StrCat("prompt ", draw() % 1000), draw(),
                                           1 + static_cast<int>(draw() % 4));
        if (draw() % 2 == 0) request.size = {16, 8};
        expected[i] = FakeImageGenerator::Spelling(request);
        std::vector<ImageJob> jobs;
        jobs.push_back({.request = request, .done = [&, i](absl::StatusOr<FinishedImage> image) {
                          const auto& pixels = image.value().image.pixels;
                          results[i].assign(pixels.begin(), pixels.end());
                          ++answers[i];
                          left.DecrementCount();
                        }});
        ASSERT_TRUE(worker_.Submit(worker_.ReserveRows(1), std::move(jobs), {}).ok());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  left.Wait();
  worker_.Drain(absl::InfiniteDuration());
  EXPECT_EQ(results, expected);
  for (const std::atomic<int>& count : answers) ASSERT_EQ(count, 1);
}

TEST_F(DeviceWorkerTest, APoisonedImageFailsAloneInItsBatch) {
  std::vector<std::string> results(8);
  absl::BlockingCounter left(8);
  for (size_t i = 0; i < results.size(); ++i) {
    const ImageRequest request = MakeRequest(i == 3 ? "fail" : "fine", i);
    ASSERT_TRUE(Submit(request, results[i], left).ok());
  }
  left.Wait();
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i], i == 3 ? "told to fail" : absl::StrCat(i, " 2 fine"));
  }
}

TEST_F(DeviceWorkerTest, AnImageThatIsNotANumberFailsAloneAndSaysSo) {
  absl::BlockingCounter left(3);
  absl::Status statuses[3];
  for (size_t i = 0; i < 3; ++i) {
    std::vector<ImageJob> jobs;
    jobs.push_back({.request = MakeRequest(i == 1 ? "nan" : "fine", i),
                    .done = [&, i](absl::StatusOr<FinishedImage> image) {
                      statuses[i] = image.status();
                      left.DecrementCount();
                    }});
    const RowId first = worker_.ReserveRows(1);
    ASSERT_TRUE(worker_.Submit(first, std::move(jobs), {}).ok());
  }
  left.Wait();
  EXPECT_TRUE(statuses[0].ok() && statuses[2].ok());
  EXPECT_TRUE(absl::IsInternal(statuses[1])) << statuses[1];
  EXPECT_EQ(ReasonOf(statuses[1]), "NAN_OUTPUT");
}

TEST_F(DeviceWorkerTest, AnImageThatWasDecodedTwiceIsCounted) {
  std::vector<std::string> results(2);
  absl::BlockingCounter left(2);
  ASSERT_TRUE(Submit(MakeRequest("overflow", 1), results[0], left).ok());
  ASSERT_TRUE(Submit(MakeRequest("fine", 1), results[1], left).ok());
  left.Wait();
  EXPECT_THAT(prometheus::TextSerializer().Serialize(metrics_.registry->Collect()),
              testing::HasSubstr("darkroom_nan_retries_total 1\n"));
}

TEST_F(DeviceWorkerTest, ARefusedRequestIsForgottenAndNobodyIsTold) {
  worker_.Drain(absl::InfiniteDuration());
  std::string result = "untouched";
  {
    absl::BlockingCounter left(1);
    EXPECT_TRUE(absl::IsUnavailable(Submit(MakeRequest("late", 1), result, left)));
    left.DecrementCount();
    left.Wait();
  }
  EXPECT_EQ(result, "untouched");
}

TEST_F(DeviceWorkerTest, AReportCountsThePassesAndTheirSizes) {
  absl::BlockingCounter left(1);
  ImageReport report;
  std::vector<ImageJob> jobs;
  jobs.push_back({.request = MakeRequest("alone", 1, /*steps=*/3),
                  .done = [&](absl::StatusOr<FinishedImage> image) {
                    report = image.value().report;
                    left.DecrementCount();
                  }});
  ASSERT_TRUE(worker_.Submit(worker_.ReserveRows(1), std::move(jobs), {}).ok());
  left.Wait();
  EXPECT_EQ(report.passes, 3);
  EXPECT_EQ(report.min_batch, 1);
  EXPECT_EQ(report.max_batch, 1);
  EXPECT_EQ(report.batch_sum, 3);
}

TEST_F(DeviceWorkerTest, EveryStepIsReportedInOrderWithAPreview) {
  absl::BlockingCounter left(1);
  std::vector<std::pair<int, int>> steps;
  std::vector<absl::StatusOr<RgbImage>> previews;
  std::vector<ImageJob> jobs;
  jobs.push_back({.request = MakeRequest("watched", 1, /*steps=*/3),
                  .on_step =
                      [&](const StepReport& report) {
                        steps.emplace_back(report.step, report.steps);
                        previews.push_back(report.preview());
                      },
                  .done = [&](absl::StatusOr<FinishedImage>) { left.DecrementCount(); }});
  ASSERT_TRUE(worker_.Submit(worker_.ReserveRows(1), std::move(jobs), {}).ok());
  left.Wait();
  EXPECT_THAT(steps,
              testing::ElementsAre(testing::Pair(1, 3), testing::Pair(2, 3), testing::Pair(3, 3)));
  for (const auto& preview : previews) EXPECT_TRUE(preview.ok()) << preview.status();
}

TEST_F(DeviceWorkerTest, ALostDeviceIsReportedAndEveryRowEndsWithIt) {
  absl::BlockingCounter left(4);
  absl::Status statuses[4];
  for (size_t i = 0; i < 4; ++i) {
    std::vector<ImageJob> jobs;
    jobs.push_back(
        {.request = MakeRequest(i == 2 ? "lose the device" : "fine", i, /*steps=*/1'000'000),
         .done = [&, i](absl::StatusOr<FinishedImage> image) {
           statuses[i] = image.status();
           left.DecrementCount();
         }});
    // Those after it may be refused already.
    const absl::Status taken = worker_.Submit(worker_.ReserveRows(1), std::move(jobs), {});
    if (taken.ok()) continue;
    statuses[i] = taken;
    left.DecrementCount();
  }
  left.Wait();
  for (const absl::Status& status : statuses) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(ReasonOf(status), "DEVICE_LOST");
  }
  EXPECT_TRUE(absl::IsUnavailable(lost_)) << lost_;
  EXPECT_EQ(worker_.CallDuration(), absl::ZeroDuration());
}

}  // namespace
}  // namespace darkroom
