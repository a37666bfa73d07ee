#include "server/stream_images_call.h"

#include <utility>

#include "server/proto_duration.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr absl::Duration kPreviewInterval = absl::Milliseconds(200);

}  // namespace

StreamImagesCall::StreamImagesCall(const CallContext& context, grpc::CallbackServerContext* call,
                                   const v1::StreamImagesRequest* request)
    : Call(context, Method::kStreamImages, call),
      request_(request),
      preview_interval_(request->preview_interval_steps()) {}

absl::Status StreamImagesCall::Begin(const Caller& caller) {
  return Open(request_->generation(), caller, Deadline(), {shared_from_this(), this});
}

void StreamImagesCall::OnQueued(const std::string& request_id,
                                absl::FunctionRef<QueuePlace()> find_place) {
  const QueuePlace place = find_place();
  v1::Queued queued;
  queued.set_request_id(request_id);
  queued.set_position(static_cast<uint32_t>(place.images_before));
  SetDuration(place.wait, queued.mutable_estimated_wait());
  Push(std::move(queued));
}

bool StreamImagesCall::WantsPreview(size_t index, int step) {
  if (preview_interval_ == 0 || static_cast<uint32_t>(step) % preview_interval_ != 0) return false;
  const absl::Time now = context().clock.TimeNow();
  absl::MutexLock lock(&mu_);
  if (outbox_.HasPreview(static_cast<uint32_t>(index))) return false;
  if (index >= last_previews_.size()) last_previews_.resize(index + 1, absl::InfinitePast());
  if (now - last_previews_[index] < kPreviewInterval) return false;
  last_previews_[index] = now;
  return true;
}

void StreamImagesCall::OnEnd(const GenerationResult& result) {
  if (!result.status.ok()) return Answer(result.status);
  {
    absl::MutexLock lock(&mu_);
    for (const auto& image : result.images) outbox_.Push(image);
    v1::Completed completed;
    *completed.mutable_stats() = result.stats;
    SetDuration(context().clock.TimeNow() - arrival(), completed.mutable_stats()->mutable_total());
    stats_ = completed.stats();
    outbox_.Push(std::move(completed));
  }
  Pump();
}

void StreamImagesCall::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    writing_since_.reset();
  }
  ok ? Pump() : OnCancelled();
}

void StreamImagesCall::OnTick(absl::Time now) {
  bool was_late = false;
  {
    absl::MutexLock lock(&mu_);
    if (!writing_since_ || now - *writing_since_ < context().rules.write_timeout) return;
    was_late = std::exchange(is_late_, true);
    writing_since_ = now;  // As long again for the status.
  }
  if (was_late) return Reset();
  Answer(WithReason(absl::ResourceExhaustedError("the reader did not take a message in time"),
                    kReasonSlowReader));
}

void StreamImagesCall::SendStatus(const grpc::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    is_finished_ = true;
  }
  Finish(status);
}

template <typename Message>
void StreamImagesCall::Push(Message message) {
  {
    absl::MutexLock lock(&mu_);
    outbox_.Push(std::move(message));
  }
  Pump();
}

void StreamImagesCall::Pump() {
  std::optional<v1::GenerationStats> stats;
  {
    absl::MutexLock lock(&mu_);
    if (writing_since_ || is_finished_) return;
    if (std::optional<v1::StreamImagesResponse> next = outbox_.Pop()) {
      message_ = *std::move(next);
      writing_since_ = context().clock.TimeNow();
      return StartWrite(&message_);
    }
    if (!stats_ || !outbox_.empty()) return;
    stats = stats_;
  }
  if (TakeAnswer()) Complete(absl::OkStatus(), &*stats);
}

}  // namespace darkroom
