#include "batcher/batch_options.h"

namespace darkroom {

absl::Status Validate(const BatchOptions& options) {
  if (options.window < absl::ZeroDuration() || options.window == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError("the batch window must be finite and not negative");
  }
  if (options.max_batch_size < 1) {
    return absl::InvalidArgumentError("the largest batch size must be at least 1");
  }
  if (options.max_queued_images < 1) {
    return absl::InvalidArgumentError("the queue must hold at least 1 image");
  }
  if (options.max_queued_pixels < 1) {
    return absl::InvalidArgumentError("the queue must hold at least 1 pixel");
  }
  return absl::OkStatus();
}

}  // namespace darkroom
