#include "batcher/load_estimate.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr double kWeight = 0.02;  // Of the latest arrival.
constexpr double kFirstLoad = 0.5;
constexpr double kMargin = 1.05;

}  // namespace

void LoadEstimate::OnArrival(absl::Time now, double work) {
  if (mean_work_ == 0) {  // The first whose work is known.
    mean_work_ = work;
    mean_gap_ = work / kFirstLoad * kMargin;
  } else {
    mean_work_ += kWeight * (work - mean_work_);
    mean_gap_ += kWeight * (absl::ToDoubleSeconds(now - *last_arrival_) - mean_gap_);
  }
  last_arrival_ = now;
}

double LoadEstimate::load() const {
  if (mean_work_ == 0) return kFirstLoad;
  if (mean_work_ * kMargin >= mean_gap_ * kMaxLoad) return kMaxLoad;
  return mean_work_ * kMargin / mean_gap_;
}

}  // namespace darkroom
