#include "batcher/batch_options.h"

#include <algorithm>
#include <functional>

namespace darkroom {
namespace {

absl::Status Validate(const QueueLimits& limits) {
  if (limits.images < 1) {
    return absl::InvalidArgumentError("the queue must hold at least 1 image");
  }
  if (limits.images_per_tenant < 1) {
    return absl::InvalidArgumentError("the queue must hold at least 1 image of a tenant");
  }
  if (limits.pixels < 1 || limits.pixel_steps < 1) {
    return absl::InvalidArgumentError("the queue must hold at least 1 pixel, and 1 step of it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const BatchOptions& options) {
  if (options.window < absl::ZeroDuration() || options.window == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError("the batch window must be finite and not negative");
  }
  if (options.max_batch_size < 1) {
    return absl::InvalidArgumentError("the largest batch size must be at least 1");
  }
  const std::vector<int>& sizes = options.padded_sizes;
  const bool ascending = std::is_sorted(sizes.begin(), sizes.end(), std::less_equal<int>());
  if (!sizes.empty() &&
      (!ascending || sizes.front() < 1 || sizes.back() != options.max_batch_size)) {
    return absl::InvalidArgumentError(
        "the padded sizes must ascend from at least 1 to the largest batch size");
  }
  return Validate(options.limits);
}

}  // namespace darkroom
