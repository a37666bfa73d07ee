#ifndef DARKROOM_SERVER_STREAM_OUTBOX_H_
#define DARKROOM_SERVER_STREAM_OUTBOX_H_

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <variant>

#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// What a stream has yet to send, in order. Bounded, however slow its reader: for each image it
// holds the newest progress, the newest preview and the image, and besides the messages that come
// once. Not thread-safe.
class StreamOutbox {
 public:
  // Goes first: nothing leaves before it is here.
  void Push(v1::Queued queued);
  // These two take the place of an older one of their image. Once the image is there, they are late
  // and go.
  void Push(v1::Progress progress);
  void Push(v1::Preview preview);
  // Nothing for an image that has been here.
  void Push(std::shared_ptr<const v1::Image> image);
  // The last of all.
  void Push(v1::Completed completed);

  // Whether a preview of this image waits.
  bool HasPreview(uint32_t index) const;

  bool empty() const { return messages_.empty(); }

  // The next message, which leaves; nothing before `queued` is here.
  std::optional<v1::StreamImagesResponse> Pop();

 private:
  using Message = std::variant<v1::Queued, v1::Progress, v1::Preview,
                               std::shared_ptr<const v1::Image>, v1::Completed>;

  template <typename Update>
  void Replace(Update update);

  std::deque<Message> messages_;
  bool may_leave_ = false;
  std::set<uint32_t> images_;  // Indices of those that have been here.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_STREAM_OUTBOX_H_
