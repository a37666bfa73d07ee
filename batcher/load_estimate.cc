#include "batcher/load_estimate.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr double kWeight = 0.02;  // Of the latest arrival.
constexpr double kFirstLoad = 0.5;
constexpr double kMargin = 1.05;
// Times the mean work. A longer pause says no more, or a quiet night would hide the morning's rush.
constexpr double kLongestGap = 50;

}  // namespace

void LoadEstimate::OnArrival(absl::Time now, double work) {
  if (mean_work_ == 0) {  // The first whose work is known.
    mean_work_ = work;
    mean_gap_ = work / kFirstLoad * kMargin;
  } else {
    mean_work_ += kWeight * (work - mean_work_);
    const double gap = absl::ToDoubleSeconds(now - *last_arrival_);
    mean_gap_ += kWeight * (std::min(gap, kLongestGap * mean_work_) - mean_gap_);
  }
  last_arrival_ = now;
}

double LoadEstimate::load() const {
  if (mean_work_ == 0) return kFirstLoad;
  if (mean_work_ * kMargin >= mean_gap_ * kMaxLoad) return kMaxLoad;
  return mean_work_ * kMargin / mean_gap_;
}

}  // namespace darkroom
