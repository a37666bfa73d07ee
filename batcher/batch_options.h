#ifndef DARKROOM_BATCHER_BATCH_OPTIONS_H_
#define DARKROOM_BATCHER_BATCH_OPTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace darkroom {

struct BatchOptions {
  // The longest a row waits for company; zero sends every row as soon as the device is free.
  absl::Duration window = absl::Milliseconds(10);
  // Rows in one UNet pass; bounded by the device's memory.
  int max_batch_size = 8;
  // Beyond either, Submit refuses. Rows on the device do not count.
  int64_t max_queued_images = 256;
  int64_t max_queued_pixels = int64_t{256} * 2097152;
};

// INVALID_ARGUMENT naming the first field out of range: the window is finite and not negative, the
// sizes are positive.
absl::Status Validate(const BatchOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_OPTIONS_H_
