#include "server/stream_outbox.h"

#include <algorithm>
#include <utility>

namespace darkroom {

void StreamOutbox::Push(v1::Queued queued) {
  messages_.push_front(std::move(queued));
  may_leave_ = true;
}

void StreamOutbox::Push(v1::Progress progress) { Replace(std::move(progress)); }

void StreamOutbox::Push(v1::Preview preview) { Replace(std::move(preview)); }

void StreamOutbox::Push(std::shared_ptr<const v1::Image> image) {
  if (images_.insert(image->index()).second) messages_.push_back(std::move(image));
}

void StreamOutbox::Push(v1::Completed completed) { messages_.push_back(std::move(completed)); }

template <typename Update>
void StreamOutbox::Replace(Update update) {
  if (images_.contains(update.index())) return;
  const auto old = std::find_if(messages_.begin(), messages_.end(), [&](const Message& message) {
    const auto* other = std::get_if<Update>(&message);
    return other != nullptr && other->index() == update.index();
  });
  if (old != messages_.end()) {
    if (std::get<Update>(*old).step() < update.step()) *old = std::move(update);
  } else {
    messages_.push_back(std::move(update));
  }
}

bool StreamOutbox::HasPreview(uint32_t index) const {
  return std::any_of(messages_.begin(), messages_.end(), [&](const Message& message) {
    const auto* preview = std::get_if<v1::Preview>(&message);
    return preview != nullptr && preview->index() == index;
  });
}

std::optional<v1::StreamImagesResponse> StreamOutbox::Pop() {
  if (messages_.empty() || !may_leave_) return std::nullopt;
  v1::StreamImagesResponse response;
  struct {
    v1::StreamImagesResponse& response;
    void operator()(v1::Queued& m) { *response.mutable_queued() = std::move(m); }
    void operator()(v1::Progress& m) { *response.mutable_progress() = std::move(m); }
    void operator()(v1::Preview& m) { *response.mutable_preview() = std::move(m); }
    void operator()(std::shared_ptr<const v1::Image>& m) { *response.mutable_image() = *m; }
    void operator()(v1::Completed& m) { *response.mutable_completed() = std::move(m); }
  } put{response};
  std::visit(put, messages_.front());
  messages_.pop_front();
  return response;
}

}  // namespace darkroom
