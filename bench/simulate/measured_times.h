#ifndef DARKROOM_BENCH_SIMULATE_MEASURED_TIMES_H_
#define DARKROOM_BENCH_SIMULATE_MEASURED_TIMES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "batcher/cost_model.h"
#include "batcher/row.h"

namespace darkroom::sim {

// What calls take on a real device, as `call_times` measured it.
class MeasuredTimes {
 public:
  // A JSON file: an array of objects with `call` (start, step or finish), `height` and `width` of
  // the latents, `size` (rows, or UNet samples of a step) and `seconds`. INVALID_ARGUMENT when it
  // is none, or lacks a kind of call for one of its image sizes.
  static absl::StatusOr<MeasuredTimes> Read(const std::string& file);

  // Seconds. The file's image sizes, the largest first, stand for those of the simulator's mixes.
  // Between the sizes that were measured it is straight, and beyond them goes on so.
  double Of(CallKind kind, const BatchKey& key, int size) const;

 private:
  using Curve = std::map<int, double>;  // By size.

  std::vector<std::map<CallKind, Curve>> curves_;  // The largest images first.
};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_MEASURED_TIMES_H_
