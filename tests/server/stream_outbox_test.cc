#include "server/stream_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using Response = v1::StreamImagesResponse;
using testing::ElementsAre;

// A message, or what is left of one that was sent.
struct Sent {
  Response::EventCase kind;
  uint32_t index = 0;
  uint32_t step = 0;

  bool operator==(const Sent&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Sent& sent) {
  return out << "{kind " << sent.kind << ", image " << sent.index << ", step " << sent.step << "}";
}

void Push(StreamOutbox& outbox, const Sent& sent) {
  const auto update = [&sent](auto message) {
    message.set_index(sent.index);
    message.set_step(sent.step);
    return message;
  };
  switch (sent.kind) {
    case Response::kQueued: return outbox.Push(v1::Queued());
    case Response::kProgress: return outbox.Push(update(v1::Progress()));
    case Response::kPreview: return outbox.Push(update(v1::Preview()));
    case Response::kImage: {
      auto image = std::make_shared<v1::Image>();
      image->set_index(sent.index);
      return outbox.Push(std::shared_ptr<const v1::Image>(std::move(image)));
    }
    default: return outbox.Push(v1::Completed());
  }
}

std::optional<Sent> Pop(StreamOutbox& outbox) {
  const std::optional<Response> response = outbox.Pop();
  if (!response) return std::nullopt;
  const Response::EventCase kind = response->event_case();
  if (kind == Response::kProgress) {
    return Sent{kind, response->progress().index(), response->progress().step()};
  }
  if (kind == Response::kPreview) {
    return Sent{kind, response->preview().index(), response->preview().step()};
  }
  return Sent{kind, response->image().index()};
}

std::vector<Sent> PopAll(StreamOutbox& outbox) {
  std::vector<Sent> all;
  while (const std::optional<Sent> sent = Pop(outbox)) all.push_back(*sent);
  return all;
}

TEST(StreamOutboxTest, MessagesLeaveInTheirOrder) {
  StreamOutbox outbox;
  const Sent all[] = {{Response::kQueued},        {Response::kProgress, 0, 1},
                      {Response::kPreview, 0, 1}, {Response::kProgress, 1, 1},
                      {Response::kImage, 1},      {Response::kImage, 0},
                      {Response::kCompleted}};
  for (const Sent& sent : all) Push(outbox, sent);
  EXPECT_THAT(PopAll(outbox), testing::ElementsAreArray(all));
  EXPECT_TRUE(outbox.empty());
}

TEST(StreamOutboxTest, NothingLeavesBeforeQueued) {
  StreamOutbox outbox;
  Push(outbox, {Response::kProgress, 0, 1});
  Push(outbox, {Response::kImage, 0});
  Push(outbox, {Response::kCompleted});
  EXPECT_EQ(Pop(outbox), std::nullopt);
  EXPECT_FALSE(outbox.empty());
  Push(outbox, {Response::kQueued});
  EXPECT_THAT(PopAll(outbox), ElementsAre(Sent{Response::kQueued}, Sent{Response::kProgress, 0, 1},
                                          Sent{Response::kImage, 0}, Sent{Response::kCompleted}));
}

TEST(StreamOutboxTest, AnUpdateTakesThePlaceOfAnOlderOneOfItsImageAlone) {
  StreamOutbox outbox;
  Push(outbox, {Response::kQueued});
  Push(outbox, {Response::kProgress, 0, 1});
  Push(outbox, {Response::kProgress, 1, 1});
  Push(outbox, {Response::kPreview, 0, 1});
  Push(outbox, {Response::kProgress, 0, 3});
  Push(outbox, {Response::kProgress, 0, 2});  // Late.
  EXPECT_THAT(PopAll(outbox),
              ElementsAre(Sent{Response::kQueued}, Sent{Response::kProgress, 0, 3},
                          Sent{Response::kProgress, 1, 1}, Sent{Response::kPreview, 0, 1}));
}

TEST(StreamOutboxTest, UpdatesOfAnImageThatIsThereAreGone) {
  StreamOutbox outbox;
  Push(outbox, {Response::kQueued});
  Push(outbox, {Response::kImage, 0});
  Push(outbox, {Response::kPreview, 0, 4});
  EXPECT_FALSE(outbox.HasPreview(0));
  EXPECT_THAT(PopAll(outbox), ElementsAre(Sent{Response::kQueued}, Sent{Response::kImage, 0}));
  Push(outbox, {Response::kProgress, 0, 5});
  Push(outbox, {Response::kImage, 0});
  EXPECT_TRUE(outbox.empty());
}

// A stream of drawn length whose reader takes messages at drawn times.
class DrawnStream {
 public:
  explicit DrawnStream(SeededRandom& random)
      : random_(random), steps_(random.Between(1, 6)), made_(random.Between(1, 4)) {}

  void Run() {
    for (bool queued = false; !queued || !unfinished().empty();) {
      if (!queued && random_.Between(0, 4) == 0) {
        queued = true;
        Push(outbox_, {Response::kQueued});
      } else if (random_.Between(0, 2) == 0) {
        Take();
      } else if (const auto left = unfinished(); !left.empty()) {
        Advance(left[random_.Between(0, left.size() - 1)]);
      }
      ExpectBounded();
    }
    Push(outbox_, {Response::kCompleted});
    for (const Sent& sent : PopAll(outbox_)) taken_.push_back(sent);
  }

  void ExpectPromisesKept() const {
    ASSERT_EQ(taken_.front(), Sent{Response::kQueued});
    ASSERT_EQ(taken_.back(), Sent{Response::kCompleted});
    std::vector<uint32_t> images;
    for (const Sent& sent : taken_) {
      if (sent.kind == Response::kImage) images.push_back(sent.index);
    }
    ASSERT_EQ(images, order_);
    for (uint32_t i = 0; i < made_.size(); ++i) ExpectUpdatesRise(i);
    ASSERT_EQ(std::count(taken_.begin(), taken_.end(), Sent{Response::kQueued}), 1);
  }

 private:
  std::vector<uint32_t> unfinished() const {
    std::vector<uint32_t> left;
    for (uint32_t i = 0; i < made_.size(); ++i) {
      if (made_[i] <= steps_) left.push_back(i);
    }
    return left;
  }

  // The image's next step; after the last one the image, now and then with what comes late.
  void Advance(uint32_t index) {
    if (made_[index]++ == steps_) {
      order_.push_back(index);
      for (size_t times = random_.Between(1, 2); times > 0; --times) {
        Push(outbox_, {Response::kImage, index});
      }
      if (random_.Between(0, 1) == 0) Push(outbox_, {Response::kPreview, index, steps_});
      return;
    }
    Push(outbox_, {Response::kProgress, index, made_[index]});
    if (random_.Between(0, 1) == 0) {
      Push(outbox_, {Response::kPreview, index, made_[index]});
      ASSERT_TRUE(outbox_.HasPreview(index));
    }
  }

  void Take() {
    if (const std::optional<Sent> sent = Pop(outbox_)) taken_.push_back(*sent);
  }

  // Of each image its progress, its preview and itself; and `queued`, twice in the copy.
  void ExpectBounded() {
    StreamOutbox copy = outbox_;
    Push(copy, {Response::kQueued});
    ASSERT_LE(PopAll(copy).size(), 3 * made_.size() + 2);
  }

  // The last update before the image is the newest, and nothing follows the image.
  void ExpectUpdatesRise(uint32_t index) const {
    uint32_t progress = 0, preview = 0;
    bool is_there = false;
    for (const Sent& sent : taken_) {
      if (sent.index != index) continue;
      if (sent.kind == Response::kImage) is_there = true;
      if (sent.kind != Response::kProgress && sent.kind != Response::kPreview) continue;
      ASSERT_FALSE(is_there) << sent;
      uint32_t& last = sent.kind == Response::kProgress ? progress : preview;
      ASSERT_GT(sent.step, last) << sent;
      last = sent.step;
    }
    ASSERT_TRUE(is_there);
    ASSERT_EQ(progress, steps_);
  }

  SeededRandom& random_;
  const uint32_t steps_;
  std::vector<uint32_t> made_;   // Steps, by image; one more when the image is there.
  std::vector<uint32_t> order_;  // Of the images.
  StreamOutbox outbox_;
  std::vector<Sent> taken_;
};

TEST(StreamOutboxTest, DrawnStreamsKeepTheirOrderAndLoseNoImage) {
  SeededRandom random;
  for (int i = 0; i < 5'000; ++i) {
    DrawnStream stream(random);
    stream.Run();
    ASSERT_NO_FATAL_FAILURE(stream.ExpectPromisesKept()) << "stream " << i;
  }
}

}  // namespace
}  // namespace darkroom
