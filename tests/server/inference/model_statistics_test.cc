#include "server/inference/model_statistics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

// Times that are told apart from each other and from those of other rows.
InferTimes TimesOf(int64_t rows) {
  return {.total = absl::Nanoseconds(31 * rows),
          .queue = absl::Nanoseconds(2 * rows),
          .compute_input = absl::Nanoseconds(3 * rows),
          .compute_infer = absl::Nanoseconds(5 * rows),
          .compute_output = absl::Nanoseconds(7 * rows)};
}

// That a reading shows each of TimesOf's requests wholly or not at all.
void ExpectWhole(const inference::ModelStatistics& read) {
  const inference::InferStatistics& stats = read.inference_stats();
  const uint64_t rows = read.inference_count();
  ASSERT_EQ(stats.success().ns(), 31 * rows);
  ASSERT_EQ(stats.queue().ns(), 2 * rows);
  ASSERT_EQ(stats.compute_input().ns(), 3 * rows);
  ASSERT_EQ(stats.compute_infer().ns(), 5 * rows);
  ASSERT_EQ(stats.compute_output().ns(), 7 * rows);
  for (const auto* part :
       {&stats.queue(), &stats.compute_input(), &stats.compute_infer(), &stats.compute_output()}) {
    ASSERT_EQ(part->count(), stats.success().count());
  }
}

TEST(ModelStatisticsTest, BeginsAtZero) {
  const inference::ModelStatistics read = ModelStatistics().Read();
  ExpectWhole(read);
  EXPECT_EQ(read.inference_count(), 0);
  EXPECT_EQ(read.execution_count(), 0);
  EXPECT_EQ(read.inference_stats().fail().count(), 0);
}

TEST(ModelStatisticsTest, FailuresAreCountedApart) {
  ModelStatistics statistics;
  statistics.OnFailure(absl::Milliseconds(3));
  statistics.OnSuccess(2, 1, TimesOf(2));
  statistics.OnFailure(absl::Milliseconds(4));
  const inference::ModelStatistics read = statistics.Read();
  EXPECT_EQ(read.inference_stats().fail().count(), 2);
  EXPECT_EQ(read.inference_stats().fail().ns(), 7'000'000);
  EXPECT_EQ(read.inference_stats().success().count(), 1);
  EXPECT_EQ(read.inference_count(), 2);
}

TEST(ModelStatisticsTest, PartsOfBatchesAddUpToBatches) {
  ModelStatistics statistics;
  for (int i = 0; i < 300; ++i) statistics.OnSuccess(1, 1.0 / 3, TimesOf(1));
  EXPECT_EQ(statistics.Read().execution_count(), 100);
  statistics.OnSuccess(4, 1, TimesOf(4));
  EXPECT_EQ(statistics.Read().execution_count(), 101);
  EXPECT_EQ(statistics.Read().inference_count(), 304);
}

TEST(ModelStatisticsTest, EveryReadingBesideWritersIsWhole) {
  constexpr int kWriters = 3;
  constexpr uint64_t kRequests = 20'000;
  SeededRandom random;
  std::vector<std::vector<int64_t>> rows(kWriters);
  uint64_t sum = 0;
  for (auto& drawn : rows) {
    for (uint64_t i = 0; i < kRequests; ++i) {
      drawn.push_back(static_cast<int64_t>(random.Between(1, 8)));
      sum += static_cast<uint64_t>(drawn.back());
    }
  }
  ModelStatistics statistics;
  std::vector<std::thread> writers;
  for (const auto& drawn : rows) {
    writers.emplace_back([&statistics, &drawn] {
      for (const int64_t count : drawn) statistics.OnSuccess(count, 1, TimesOf(count));
    });
  }
  while (statistics.Read().inference_stats().success().count() < kWriters * kRequests) {
    ExpectWhole(statistics.Read());
    if (HasFatalFailure()) break;
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(statistics.Read().inference_count(), sum);
}

}  // namespace
}  // namespace darkroom
