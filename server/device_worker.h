#ifndef DARKROOM_SERVER_DEVICE_WORKER_H_
#define DARKROOM_SERVER_DEVICE_WORKER_H_

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/batcher.h"
#include "batcher/clock.h"
#include "batcher/engine.h"
#include "model/image_generator.h"
#include "server/metrics/metrics.h"

namespace darkroom {

// What became of one image on its way through the device.
struct ImageReport {
  absl::Duration queue_wait, text_encoding, denoising, decoding;
  int min_batch = 0;  // Rows that shared its passes.
  int max_batch = 0;
  int64_t batch_sum = 0;
  int passes = 0;
  int truncated_tokens = 0;
};

struct FinishedImage {
  RgbImage image;
  ImageReport report;
};

// A step that an image has taken.
struct StepReport {
  int step = 0;  // Of `steps`, those done.
  int steps = 0;
  // About what the image will look like.
  absl::FunctionRef<absl::StatusOr<RgbImage>()> preview;
};

// One image to make, and whom to tell.
struct ImageJob {
  ImageRequest request;
  // Where it is set: called after each of its steps, on the worker's thread; must not block.
  absl::AnyInvocable<void(const StepReport&)> on_step = nullptr;
  // Called exactly once if the job is accepted, on the worker's thread: must not block.
  absl::AnyInvocable<void(absl::StatusOr<FinishedImage>) &&> done;
};

// What the images of one request have in common for the queue.
struct JobTerms {
  Priority priority = Priority::kNormal;
  std::string tenant;
  absl::Time deadline = absl::InfiniteFuture();
};

// How a device is.
struct DeviceStatus {
  absl::Duration oldest_wait;  // Of the first image that waits; zero when none does.
  absl::Duration in_call;      // How long it has been at its present call; zero between calls.
  absl::Duration busy;         // In calls, so far.
  int64_t free_bytes = 0;      // Of its memory, lately; INT64_MAX when nobody knows.
  int64_t total_bytes = 0;     // Likewise.
};

// A device with its queue: takes images through the batcher and the generator. The place where the
// two meet. Thread-safe.
class DeviceWorker final : private Engine {
 public:
  // Called when the device has failed for good, on the worker's thread, before its rows end.
  using OnLost = absl::AnyInvocable<void(const absl::Status&)>;

  // `options` are valid. The generator, clock and metrics are borrowed and outlive the worker. The
  // generator is touched by the worker's thread alone, but for what image_generator.h allows.
  DeviceWorker(ImageGenerator& generator, const BatchOptions& options, const DeviceProfile& profile,
               Clock& clock, Metrics& metrics, OnLost on_lost);

  // Names for `count` jobs of one request, to be submitted or not: the first; the others follow.
  RowId ReserveRows(size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes all jobs of one request, which are of one size, or, with a status, leaves them as they
  // are: see Batcher::Submit.
  absl::Status Submit(RowId first, std::vector<ImageJob>&& jobs, const JobTerms& terms)
      ABSL_LOCKS_EXCLUDED(mu_);

  // How long these jobs would take from now to the last one's end.
  absl::Duration Predict(const std::vector<ImageJob>& jobs, const JobTerms& terms);

  // Lets the request's rows that have not ended leave, with CANCELLED.
  void Cancel(RowId first) { batcher_.Cancel(first); }

  // See Batcher::Extend and Batcher::PlaceOf.
  void Extend(RowId first, absl::Time deadline) { batcher_.Extend(first, deadline); }
  std::optional<QueuePlace> PlaceOf(RowId first) { return batcher_.PlaceOf(first); }

  // How long the device has been at its present call; zero between calls.
  absl::Duration CallDuration() const ABSL_LOCKS_EXCLUDED(call_mu_);

  DeviceStatus Status() ABSL_LOCKS_EXCLUDED(call_mu_);

  // See Batcher::RetryDelay.
  absl::Duration RetryDelay(size_t images) { return batcher_.RetryDelay(images); }

  // See Batcher::Drain.
  void Drain(absl::Duration patience) { batcher_.Drain(patience); }

 private:
  struct Work {
    ImageJob job;
    absl::Time accepted;
    int steps = 0;
    int steps_done = 0;
    std::unique_ptr<ImageInProgress> row;
    FinishedImage result;
  };

  absl::Status Start(std::span<const RowId> rows) override;
  absl::Status Step(std::span<const RowId> rows) override;
  absl::Status Finish(std::span<const RowId> rows) override;
  void End(RowId row, const absl::Status& status) override;

  BatchRequest Describe(RowId first, const std::vector<ImageJob>& jobs,
                        const JobTerms& terms) const;
  // Makes a call of the generator, noting when it began; adds to its error what callers get to
  // know.
  absl::Status Call(absl::FunctionRef<absl::Status()> call) ABSL_LOCKS_EXCLUDED(call_mu_);
  absl::Duration InCall() const ABSL_SHARED_LOCKS_REQUIRED(call_mu_);
  void ReportStep(Work& work);
  // Asks for the free memory, but not too often.
  void SampleMemory();
  // Work of rows that have not ended; it stays where it is until they do.
  std::vector<Work*> Find(std::span<const RowId> rows) ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<Work> Remove(RowId row) ABSL_LOCKS_EXCLUDED(mu_);

  ImageGenerator& generator_;
  Clock& clock_;
  Metrics& metrics_;
  OnLost on_lost_;
  // Held for a moment at a call's begin and end, never during it: for both change together.
  mutable absl::Mutex call_mu_;
  absl::Time call_began_ ABSL_GUARDED_BY(call_mu_) = absl::InfiniteFuture();  // Between calls.
  absl::Duration busy_ ABSL_GUARDED_BY(call_mu_);  // In calls that have returned.
  std::atomic<int64_t> free_bytes_ = 0;
  absl::Time memory_sampled_ = absl::InfinitePast();  // The worker's thread's own.
  absl::Mutex mu_;
  RowId next_row_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<RowId, std::unique_ptr<Work>> work_ ABSL_GUARDED_BY(mu_);
  Batcher batcher_;  // Last, for its thread calls the Engine methods.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_DEVICE_WORKER_H_
