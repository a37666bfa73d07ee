#include "batcher/row_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr BatchKey kSmall = {8, 8};
constexpr BatchKey kLarge = {16, 16};
const absl::Time kStart = absl::FromUnixSeconds(1000);

BatchOptions Options() { return {.window = kWindow, .max_batch_size = 3}; }

Row MakeRow(RowId id, absl::Time arrival, BatchKey key = kSmall) {
  return {.id = id, .key = key, .pixels = 64, .arrival = arrival};
}

void PushOne(RowQueue& queue, const Row& row) { ASSERT_TRUE(queue.Push({&row, 1}).ok()); }

std::vector<RowId> Ids(const std::vector<Row>& rows) {
  std::vector<RowId> ids;
  for (const Row& row : rows) ids.push_back(row.id);
  return ids;
}

TEST(RowQueueTest, NobodyLeavesAnEmptyQueue) {
  const RowQueue queue(Options());
  EXPECT_FALSE(queue.NextDeparture().has_value());
  EXPECT_EQ(queue.EarliestDeadline(), absl::InfiniteFuture());
}

TEST(RowQueueTest, ALoneRowIsDueAfterExactlyOneWindow) {
  RowQueue queue(Options());
  PushOne(queue, MakeRow(1, kStart));
  EXPECT_EQ(queue.NextDeparture()->due, kStart + kWindow);
}

TEST(RowQueueTest, AFullLineIsDueWhenTheRowArrivedThatFilledIt) {
  RowQueue queue(Options());
  for (int i = 0; i < 5; ++i) PushOne(queue, MakeRow(i, kStart + i * absl::Milliseconds(1)));
  EXPECT_EQ(queue.NextDeparture()->due, kStart + absl::Milliseconds(2));
}

TEST(RowQueueTest, ABatchIsTheOldestRowsOfOneKey) {
  RowQueue queue(Options());
  PushOne(queue, MakeRow(1, kStart));
  PushOne(queue, MakeRow(2, kStart, kLarge));
  for (RowId id : {3, 4, 5}) PushOne(queue, MakeRow(id, kStart));
  EXPECT_THAT(Ids(queue.PopBatch(kSmall)), ElementsAre(1, 3, 4));
  EXPECT_THAT(Ids(queue.PopBatch(kSmall)), ElementsAre(5));
  EXPECT_THAT(Ids(queue.PopBatch(kSmall)), IsEmpty());
  EXPECT_EQ(queue.images(), 1);
}

TEST(RowQueueTest, ARareKeyIsNotStarvedByAKeyThatIsAlwaysFull) {
  RowQueue queue(Options());
  PushOne(queue, MakeRow(0, kStart, kLarge));
  absl::Time now = kStart;
  for (RowId id = 1; now < kStart + 2 * kWindow; now += absl::Milliseconds(1)) {
    for (int i = 0; i < 3; ++i) PushOne(queue, MakeRow(id++, now));
    const BatchKey next = queue.NextDeparture()->key;
    if (next == kLarge) break;
    queue.PopBatch(next);
  }
  EXPECT_EQ(queue.NextDeparture()->key, kLarge);
  EXPECT_LE(now, kStart + kWindow + absl::Milliseconds(1));
}

TEST(RowQueueTest, ARequestFitsWholeOrNotAtAll) {
  BatchOptions options = Options();
  options.max_queued_images = 4;
  RowQueue queue(options);
  const std::vector<Row> three = {MakeRow(1, kStart), MakeRow(2, kStart), MakeRow(3, kStart)};
  ASSERT_TRUE(queue.Push(three).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(queue.Push(three)));
  EXPECT_EQ(queue.images(), 3);
  PushOne(queue, MakeRow(4, kStart));
  EXPECT_TRUE(absl::IsResourceExhausted(queue.Push({three.data(), 1})));
}

TEST(RowQueueTest, PixelsAreBounded) {
  BatchOptions options = Options();
  options.max_queued_pixels = 128;
  RowQueue queue(options);
  PushOne(queue, MakeRow(1, kStart));
  PushOne(queue, MakeRow(2, kStart));
  const Row row = MakeRow(3, kStart);
  EXPECT_TRUE(absl::IsResourceExhausted(queue.Push({&row, 1})));
  queue.PopBatch(kSmall);
  EXPECT_TRUE(queue.Push({&row, 1}).ok());
}

TEST(RowQueueTest, OverdueRowsAreThoseCancelledOrAtTheirDeadline) {
  RowQueue queue(Options());
  Row late = MakeRow(1, kStart);
  late.deadline = kStart + absl::Milliseconds(5);
  PushOne(queue, late);
  PushOne(queue, MakeRow(2, kStart, kLarge));
  PushOne(queue, MakeRow(3, kStart));
  EXPECT_TRUE(queue.Cancel(2));
  EXPECT_FALSE(queue.Cancel(99));
  EXPECT_EQ(queue.EarliestDeadline(), late.deadline);
  EXPECT_THAT(Ids(queue.Overdue(late.deadline - absl::Nanoseconds(1))), ElementsAre(2));
  const std::vector<Row> overdue = queue.Overdue(late.deadline);
  EXPECT_THAT(Ids(overdue), UnorderedElementsAre(1, 2));
  queue.Remove(overdue);
  EXPECT_THAT(Ids(queue.All()), ElementsAre(3));
}

TEST(RowQueueTest, CountsAgreeWithTheRowsAfterAnyDrawnSequence) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 draw(seed);
  RowQueue queue(Options());
  absl::Time now = kStart;
  for (RowId id = 1; id < 5000; ++id) {
    now += absl::Milliseconds(draw() % 3);
    PushOne(queue, MakeRow(id, now, draw() % 2 ? kSmall : kLarge));
    if (draw() % 3 == 0) queue.PopBatch(queue.NextDeparture()->key);
    if (draw() % 5 == 0) queue.Cancel(1 + draw() % id);
    if (draw() % 11 == 0) queue.Remove(queue.Overdue(now));
    const auto rows = static_cast<int64_t>(queue.All().size());
    ASSERT_EQ(queue.images(), rows);
    ASSERT_EQ(queue.pixels(), 64 * rows);
    ASSERT_EQ(queue.NextDeparture().has_value(), rows > 0);
  }
}

}  // namespace
}  // namespace darkroom
