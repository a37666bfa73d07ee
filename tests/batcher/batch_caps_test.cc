#include "batcher/batch_caps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr absl::Duration kTick = absl::Nanoseconds(1);
const absl::Time kStart = absl::FromUnixSeconds(1000);
constexpr CallKind kStep = CallKind::kStep;
constexpr CallKind kKinds[] = {CallKind::kStart, CallKind::kStep, CallKind::kFinish};
constexpr BatchKey kKey = {8, 8};
constexpr int kMaxRows = 64;

class BatchCapsTest : public testing::Test {
 protected:
  int At(absl::Time now, const BatchKey& key = kKey, CallKind kind = kStep) const {
    return caps_.Limit(kind, key, kMaxRows, now);
  }
  int Limit(const BatchKey& key = kKey, CallKind kind = kStep) const {
    return At(kStart, key, kind);
  }

  BatchCaps caps_;
};

TEST_F(BatchCapsTest, WithoutKnowledgeThereIsNoBoundBelowTheGivenOne) {
  for (const CallKind kind : kKinds) EXPECT_EQ(Limit(kKey, kind), kMaxRows);
}

TEST_F(BatchCapsTest, ACallThatRanOutHalvesTheBoundOfItsKindDownToOne) {
  caps_.OnOutOfMemory(kStep, kKey, 9, kStart);
  EXPECT_EQ(Limit(), 4);
  EXPECT_EQ(caps_.Limit(kStep, kKey, 3, kStart), 3);
  caps_.OnOutOfMemory(kStep, kKey, 1, kStart);
  EXPECT_EQ(Limit(), 1);
  for (const CallKind other : {CallKind::kStart, CallKind::kFinish}) {
    EXPECT_EQ(Limit(kKey, other), kMaxRows);
  }
}

TEST_F(BatchCapsTest, LargerKeysAreBoundByAreaAndSmallerOnesAreNot) {
  caps_.OnOutOfMemory(kStep, kKey, 16, kStart);
  EXPECT_EQ(Limit({4, 16}), 8);
  EXPECT_EQ(Limit({8, 12}), 5);
  EXPECT_EQ(Limit({16, 16}), 2);
  EXPECT_EQ(Limit({128, 128}), 1);
  EXPECT_EQ(Limit({7, 8}), kMaxRows);
}

TEST_F(BatchCapsTest, TheTightestBoundCounts) {
  caps_.OnOutOfMemory(kStep, kKey, 16, kStart);
  caps_.OnOutOfMemory(kStep, {8, 16}, 4, kStart);
  EXPECT_EQ(Limit(), 8);
  EXPECT_EQ(Limit({8, 16}), 2);
  caps_.OnOutOfMemory(kStep, {4, 8}, 4, kStart);
  EXPECT_EQ(Limit(), 1);
}

TEST_F(BatchCapsTest, ABoundHoldsForAMinuteAndEachTimeAfterThatForTwiceAsLongUpToSixteen) {
  absl::Time now = kStart;
  for (const int minutes : {1, 2, 4, 8, 16, 16, 16}) {
    caps_.OnOutOfMemory(kStep, kKey, 8, now);
    EXPECT_EQ(At(now + absl::Minutes(minutes) - kTick), 4);
    EXPECT_EQ(At(now + absl::Minutes(minutes)), kMaxRows);
    now += absl::Minutes(minutes) + absl::Seconds(7);
  }
}

TEST_F(BatchCapsTest, TheOtherHalfOfACallThatRanOutHoldsNoLonger) {
  caps_.OnOutOfMemory(kStep, kKey, 16, kStart);
  caps_.OnOutOfMemory(kStep, kKey, 8, kStart);
  caps_.OnOutOfMemory(kStep, kKey, 12, kStart + absl::Seconds(1));
  EXPECT_EQ(Limit(), 4);
  EXPECT_EQ(At(kStart + absl::Seconds(61) - kTick), 4);
  EXPECT_EQ(At(kStart + absl::Seconds(61)), kMaxRows);
  caps_.OnOutOfMemory(kStep, kKey, 16, kStart + absl::Minutes(2));
  EXPECT_EQ(At(kStart + absl::Minutes(4) - kTick), 8);
  EXPECT_EQ(At(kStart + absl::Minutes(4)), kMaxRows);
}

TEST_F(BatchCapsTest, AtMostSixtyFourBoundsAreKeptUntilTheyEnd) {
  for (int i = 64; i >= 1; --i) caps_.OnOutOfMemory(kStep, {100, i}, 8, kStart);
  caps_.OnOutOfMemory(kStep, {1, 1}, 8, kStart);
  EXPECT_EQ(Limit({1, 1}), kMaxRows);
  EXPECT_EQ(Limit({100, 1}), 4);
  caps_.OnOutOfMemory(kStep, {1, 1}, 8, kStart + absl::Minutes(1));
  EXPECT_EQ(At(kStart + absl::Minutes(1), {1, 1}), 4);
}

TEST_F(BatchCapsTest, FourFifthsOfTheMemoryAreUsedByRowsInProportionToTheirArea) {
  caps_.OnMeasured(kStep, kKey, 2, 2 * 1000);
  EXPECT_EQ(Limit(), kMaxRows);  // Nobody said how much there is.
  caps_.SetMemory(20'500);
  EXPECT_EQ(Limit(), 16);
  EXPECT_EQ(Limit({8, 16}), 8);
  EXPECT_EQ(Limit({4, 8}), 32);
  EXPECT_EQ(Limit({1, 1}), kMaxRows);
  EXPECT_EQ(Limit({128, 128}), 1);
  caps_.OnMeasured(CallKind::kStart, kKey, 2, 0);
  for (const CallKind other : {CallKind::kStart, CallKind::kFinish}) {
    EXPECT_EQ(Limit({128, 128}, other), kMaxRows);
  }
}

TEST_F(BatchCapsTest, RowsFitByTheLargestCallOfTheirKindThatWasMeasured) {
  SeededRandom random;
  const auto side = [&random] { return static_cast<int>(random.Between(1, 128)); };
  for (int i = 0; i < 300; ++i) {
    BatchCaps caps;
    const auto memory = static_cast<int64_t>(random.Between(1'000'000'000, 80'000'000'000));
    caps.SetMemory(memory);
    std::map<CallKind, std::pair<int64_t, int64_t>> largest;  // Latents and bytes.
    for (size_t calls = random.Between(1, 10); calls > 0; --calls) {
      const CallKind kind = kKinds[random.Between(0, 2)];
      const BatchKey key = {side(), side()};
      const auto rows = static_cast<int>(random.Between(1, 8));
      const auto bytes = static_cast<int64_t>(random.Between(1, 10'000'000'000));
      caps.OnMeasured(kind, key, rows, bytes);
      const int64_t latents = int64_t{key.height} * key.width * rows;
      largest[kind] = std::max(largest[kind], {latents, bytes});
    }
    for (const auto& [kind, measured] : largest) {
      const BatchKey key = {side(), side()};
      const double row = static_cast<double>(measured.second) / measured.first * key.area();
      int fit = 1;
      while (fit < kMaxRows && (fit + 1) * row <= 0.8 * memory) ++fit;
      EXPECT_EQ(caps.Limit(kind, key, kMaxRows, kStart), fit);
    }
  }
}

TEST_F(BatchCapsTest, MeasuredAndLearnedBoundsHoldTogether) {
  caps_.SetMemory(10'500);
  caps_.OnMeasured(kStep, kKey, 1, 1000);
  EXPECT_EQ(Limit(), 8);
  caps_.OnOutOfMemory(kStep, kKey, 8, kStart);
  EXPECT_EQ(Limit(), 4);
  EXPECT_EQ(At(kStart + absl::Minutes(1)), 8);
}

}  // namespace
}  // namespace darkroom
