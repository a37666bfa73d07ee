#ifndef DARKROOM_SERVER_GENERATION_H_
#define DARKROOM_SERVER_GENERATION_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"
#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/codec_pool.h"
#include "server/content_filter.h"
#include "server/device_pool.h"
#include "server/generation_listener.h"
#include "server/metrics/metrics.h"
#include "server/request_parser.h"

namespace darkroom {

// What the making of images needs; all of it outlives the last of them.
struct GenerationContext {
  const ModelInfo& model;
  Clock& clock;
  DevicePool& devices;
  CodecPool& codecs;
  Metrics& metrics;
  const ContentFilter* filter;  // Null: everything is allowed.
};

// The making of one request's images, for the calls that listen. It ends once, when the last of its
// images has, whichever way. When one image fails the others leave; when its last listener leaves,
// all do. Thread-safe. It keeps itself alive until its end.
class Generation final : public std::enable_shared_from_this<Generation> {
 public:
  // `request` is the one that `parsed` comes from.
  Generation(const GenerationContext& context, const v1::GenerateImagesRequest& request,
             ParsedRequest parsed, JobTerms terms);

  // Begins, the first time, after a listener has joined. An image to begin from and a filter take
  // their time on the codec pool.
  void Run();

  // From here on the listener hears of it, and it may take until the deadline. False: too late, it
  // has ended or is about to.
  bool Join(std::shared_ptr<GenerationListener> listener, absl::Time deadline)
      ABSL_LOCKS_EXCLUDED(mu_);

  void Leave(const GenerationListener& listener) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether it can still be joined.
  bool is_live() const ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& request_id() const { return parsed_.request_id; }
  size_t image_count() const { return parsed_.images.size(); }

 private:
  using Listeners = std::vector<std::shared_ptr<GenerationListener>>;

  bool IsLive() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  absl::Status Prepare();
  absl::Status ReadInitImage();
  absl::Status CheckPrompts() const;
  void SubmitOrEnd();
  absl::Status Submit() ABSL_LOCKS_EXCLUDED(mu_);
  void TellQueued(GenerationListener& listener, const JobTicket& ticket);
  void OnStep(size_t index, const StepReport& report);
  void MakePreview(size_t index, const StepReport& report, Listeners listeners);
  void OnImage(size_t index, absl::StatusOr<FinishedImage> result) ABSL_LOCKS_EXCLUDED(mu_);
  // What the filter says of it.
  bool IsAllowed(size_t index, const RgbImage& image) const;
  // Packs the image and shows it. On the codec pool.
  absl::Status Pack(size_t index, const RgbImage& image) ABSL_LOCKS_EXCLUDED(mu_);
  // One image less to wait for; the last one ends all.
  void EndImage(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void CancelImages() ABSL_LOCKS_EXCLUDED(mu_);
  Listeners CurrentListeners() const ABSL_LOCKS_EXCLUDED(mu_);

  const GenerationContext context_;
  v1::GenerateImagesRequest request_;
  ParsedRequest parsed_;
  const JobTerms terms_;
  std::vector<ImageReport> reports_;           // Each written before its image ends.
  std::vector<absl::Duration> packing_times_;  // Likewise.

  std::atomic<bool> is_running_ = false;

  mutable absl::Mutex mu_;
  Listeners listeners_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<const v1::Image>> images_ ABSL_GUARDED_BY(mu_);
  absl::Time deadline_ ABSL_GUARDED_BY(mu_);
  JobTicket ticket_ ABSL_GUARDED_BY(mu_);
  bool submitted_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;  // All listeners have left.
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  size_t waiting_for_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status first_error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_H_
