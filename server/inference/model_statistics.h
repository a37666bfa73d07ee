#ifndef DARKROOM_SERVER_INFERENCE_MODEL_STATISTICS_H_
#define DARKROOM_SERVER_INFERENCE_MODEL_STATISTICS_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "inference/grpc_service.pb.h"

namespace darkroom {

// Where the time of a successful request went; the stages are those of its slowest row.
struct InferTimes {
  absl::Duration total;           // From arrival to answer.
  absl::Duration queue;           // For the device.
  absl::Duration compute_input;   // Text encoding.
  absl::Duration compute_infer;   // Denoising and decoding.
  absl::Duration compute_output;  // Packing as a file.
};

// What ModelStatistics tells: counts and times since the start. A reading shows each request wholly
// or not at all, so its counts agree. Thread-safe.
class ModelStatistics {
 public:
  // `batches` is the request's part in batches: a row that shared its passes with three others is
  // a quarter.
  void OnSuccess(int64_t rows, double batches, const InferTimes& times) ABSL_LOCKS_EXCLUDED(mu_);
  // The request was refused, or ended without its images, after `total`.
  void OnFailure(absl::Duration total) ABSL_LOCKS_EXCLUDED(mu_);

  // Everything but the model's name and version.
  inference::ModelStatistics Read() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  int64_t rows_ ABSL_GUARDED_BY(mu_) = 0;
  double batches_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t successes_ ABSL_GUARDED_BY(mu_) = 0;
  InferTimes success_times_ ABSL_GUARDED_BY(mu_);
  int64_t failures_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration failure_time_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_MODEL_STATISTICS_H_
