#ifndef DARKROOM_BATCHER_LOAD_ESTIMATE_H_
#define DARKROOM_BATCHER_LOAD_ESTIMATE_H_

#include <optional>

#include "absl/time/time.h"

namespace darkroom {

// How much of the device's time arrivals ask for: the mean work of a request over the mean time
// between two, both exponential means. Not thread-safe.
class LoadEstimate {
 public:
  // Every arrival counts, refused ones too. `work` in seconds.
  void OnArrival(absl::Time now, double work);

  static constexpr double kMaxLoad = 0.98;

  // 0 to kMaxLoad; a half at first. Errs high, for too low costs more than too high.
  double load() const;

 private:
  std::optional<absl::Time> last_arrival_;
  double mean_work_ = 0;
  double mean_gap_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_LOAD_ESTIMATE_H_
