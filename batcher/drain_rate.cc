#include "batcher/drain_rate.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr double kWeight = 0.05;  // Of the latest row.
constexpr absl::Duration kUnknown = absl::Seconds(1);

}  // namespace

void DrainRate::OnEnd(absl::Time now, bool was_last) {
  if (last_end_ != absl::InfinitePast()) {
    rows_ += 1 - kWeight * rows_;
    seconds_ += absl::ToDoubleSeconds(now - last_end_) - kWeight * seconds_;
  }
  last_end_ = was_last ? absl::InfinitePast() : now;
}

absl::Duration DrainRate::TimeFor(size_t rows) const {
  if (seconds_ == 0) return kUnknown;
  return std::clamp(absl::Seconds(seconds_ / rows_ * static_cast<double>(rows)),
                    absl::Milliseconds(100), absl::Minutes(1));
}

}  // namespace darkroom
