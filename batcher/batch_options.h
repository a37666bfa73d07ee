#ifndef DARKROOM_BATCHER_BATCH_OPTIONS_H_
#define DARKROOM_BATCHER_BATCH_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace darkroom {

enum class BatchingMode {
  kStatic,     // A batch runs to completion before the next one starts.
  kContinuous  // Rows join and leave at every denoising step.
};

// What may wait at once: rows that no device call has touched yet and, as images, those that are
// paused beyond one batch. All at least 1.
struct QueueLimits {
  int64_t images = 256;
  int64_t images_per_tenant = 256;
  int64_t pixels = int64_t{256} << 21;
  int64_t pixel_steps = int64_t{256 * 50} << 21;  // Pixels times steps: the work in them.
};

// How rows are gathered into batches.
struct BatchOptions {
  BatchingMode mode = BatchingMode::kContinuous;
  absl::Duration window = absl::Milliseconds(10);  // How long an idle device waits for company.
  int max_batch_size = 8;                          // Rows in a pass, at least 1.
  // Numbers of rows to which passes are padded: ascending, none below 1, the last one
  // max_batch_size. Empty: passes are as large as their rows.
  std::vector<int> padded_sizes;
  QueueLimits limits;
};

// INVALID_ARGUMENT naming the first field that is out of its range.
absl::Status Validate(const BatchOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_OPTIONS_H_
