#ifndef DARKROOM_BENCH_SIMULATE_DEVICE_TIMES_H_
#define DARKROOM_BENCH_SIMULATE_DEVICE_TIMES_H_

#include <memory>
#include <vector>

#include "batcher/cost_model.h"
#include "batcher/row.h"
#include "bench/simulate/measured_times.h"

namespace darkroom::sim {

// What calls take on a simulated device. The defaults are those of SDXL in float16 on one large
// GPU: the fixed part of a pass, and its FLOPs at 80 % of what such a GPU reaches.
struct DeviceTimes {
  double step_fixed = 0.0099;  // Seconds, of every pass.
  double step_scale = 1;       // Of the part that grows with samples.
  double start_fixed = 0.003;
  double start_row = 0.001;
  double finish_fixed = 0.005;
  std::vector<int> padded_sizes;  // As in BatchOptions.
  // Where there are any, they take the place of all of the above but padding.
  std::shared_ptr<const MeasuredTimes> measured;

  // Seconds of a call. `size` is its rows or, for a step, its UNet samples.
  double Of(CallKind kind, const BatchKey& key, int size) const;

  // Seconds of a request alone on an idle device.
  double Solo(const BatchRequest& request, int max_batch_size) const;
  // Seconds of device time it asks for when all batches are full.
  double Work(const BatchRequest& request, int max_batch_size) const;

  // A cost model that has learned just these.
  CostModel Learned(const std::vector<BatchKey>& keys, int max_batch_size) const;

 private:
  int Padded(int samples) const;
};

// The latents of square images of 1024, 768 and 512 pixels a side.
inline constexpr BatchKey kLarge = {128, 128};
inline constexpr BatchKey kMedium = {96, 96};
inline constexpr BatchKey kSmall = {64, 64};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_DEVICE_TIMES_H_
