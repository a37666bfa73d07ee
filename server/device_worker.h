#ifndef DARKROOM_SERVER_DEVICE_WORKER_H_
#define DARKROOM_SERVER_DEVICE_WORKER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/batcher.h"
#include "batcher/clock.h"
#include "batcher/engine.h"
#include "model/image_generator.h"
#include "server/metrics.h"

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

// One image to make, and whom to tell.
struct ImageJob {
  ImageRequest request;
  // Called exactly once if the job is accepted, on the worker's thread: must not block.
  absl::AnyInvocable<void(absl::StatusOr<FinishedImage>) &&> done;
};

// What the images of one request have in common for the queue.
struct JobTerms {
  Priority priority = Priority::kNormal;
  std::string tenant;
  absl::Time deadline = absl::InfiniteFuture();
};

// A device with its queue: takes images through the batcher and the generator. The place where the
// two meet. Thread-safe.
class DeviceWorker final : private Engine {
 public:
  // `options` are valid. The generator, clock and metrics are borrowed and outlive the worker. The
  // generator is touched by the worker's thread alone, but for what image_generator.h allows.
  DeviceWorker(ImageGenerator& generator, const BatchOptions& options, const DeviceProfile& profile,
               Clock& clock, Metrics& metrics);

  // Names for `count` jobs of one request, to be submitted or not: the first; the others follow.
  RowId ReserveRows(size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  // Accepts all jobs of one request, which are of one size, or, with a status, none: see
  // Batcher::Submit.
  absl::Status Submit(RowId first, std::vector<ImageJob> jobs, const JobTerms& terms)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Lets the request's rows that have not ended leave, with CANCELLED.
  void Cancel(RowId first) { batcher_.Cancel(first); }

  // See Batcher::RetryDelay.
  absl::Duration RetryDelay(size_t images) { return batcher_.RetryDelay(images); }

  // See Batcher::Drain.
  void Drain(absl::Duration patience) { batcher_.Drain(patience); }

 private:
  struct Work {
    ImageJob job;
    absl::Time accepted;
    std::unique_ptr<ImageInProgress> row;
    FinishedImage result;
  };

  absl::Status Start(std::span<const RowId> rows) override;
  absl::Status Step(std::span<const RowId> rows) override;
  absl::Status Finish(std::span<const RowId> rows) override;
  void End(RowId row, const absl::Status& status) override;

  // Work of rows that have not ended; it stays where it is until they do.
  std::vector<Work*> Find(std::span<const RowId> rows) ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<Work> Remove(RowId row) ABSL_LOCKS_EXCLUDED(mu_);

  ImageGenerator& generator_;
  Clock& clock_;
  Metrics& metrics_;
  absl::Mutex mu_;
  RowId next_row_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<RowId, std::unique_ptr<Work>> work_ ABSL_GUARDED_BY(mu_);
  Batcher batcher_;  // Last, for its thread calls the Engine methods.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_DEVICE_WORKER_H_
