#ifndef DARKROOM_SERVER_STREAM_IMAGES_CALL_H_
#define DARKROOM_SERVER_STREAM_IMAGES_CALL_H_

#include <grpcpp/grpcpp.h>

#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/call.h"
#include "server/stream_outbox.h"

namespace darkroom {

// A StreamImages call: writes what becomes of its images, one message at a time. A reader who does
// not take a message within the write timeout gets RESOURCE_EXHAUSTED, and after as long again the
// stream is reset.
class StreamImagesCall final : public grpc::ServerWriteReactor<v1::StreamImagesResponse>,
                               public Call,
                               private GenerationListener {
 public:
  // The request is gRPC's and lives until OnDone.
  StreamImagesCall(const CallContext& context, grpc::CallbackServerContext* call,
                   const v1::StreamImagesRequest* request);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override { OnCancelled(); }
  void OnDone() override { Release(); }
  void OnTick(absl::Time now) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Begin(const Caller& caller) override;
  void OnQueued(const std::string& request_id, absl::FunctionRef<QueuePlace()> find_place) override;
  void OnProgress(const v1::Progress& progress) override { Push(progress); }
  bool WantsPreview(size_t index, int step) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnPreview(const v1::Preview& preview) override { Push(preview); }
  void OnImage(const std::shared_ptr<const v1::Image>& image) override { Push(image); }
  void OnEnd(const GenerationResult& result) override ABSL_LOCKS_EXCLUDED(mu_);
  void SendStatus(const grpc::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

  template <typename Message>
  void Push(Message message) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes the next message, unless one is on its way; ends the call after the last.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);

  const v1::StreamImagesRequest* const request_;  // Gone when late previews are offered.
  const uint32_t preview_interval_;               // In steps; 0: none.
  absl::Mutex mu_;
  StreamOutbox outbox_ ABSL_GUARDED_BY(mu_);
  v1::StreamImagesResponse message_ ABSL_GUARDED_BY(mu_);  // On its way, while there is one:
  std::optional<absl::Time> writing_since_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Time> last_previews_ ABSL_GUARDED_BY(mu_);  // By image.
  bool is_finished_ ABSL_GUARDED_BY(mu_) = false;               // Nothing may be written any more.
  bool is_late_ ABSL_GUARDED_BY(mu_) = false;                   // The reader has been given up.
  std::optional<v1::GenerationStats> stats_ ABSL_GUARDED_BY(mu_);  // Once all images are there.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_STREAM_IMAGES_CALL_H_
