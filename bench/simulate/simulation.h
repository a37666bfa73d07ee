#ifndef DARKROOM_BENCH_SIMULATE_SIMULATION_H_
#define DARKROOM_BENCH_SIMULATE_SIMULATION_H_

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/cost_model.h"
#include "batcher/row.h"
#include "bench/simulate/contender.h"
#include "bench/simulate/device_times.h"
#include "bench/simulate/workload.h"

namespace darkroom::sim {

// Sees everything that happens in a simulation, in the order of time.
class Watcher {
 public:
  virtual ~Watcher() = default;

  virtual void OnSubmit(int device, const Caller& caller, const absl::Status& status) = 0;
  virtual void OnCancel(RowId request, absl::Time now) = 0;
  // The device begins with a call; `is_retry` when it is part of one that failed.
  virtual void OnCall(int device, CallKind kind, std::span<const RowId> rows, absl::Time now,
                      bool is_retry) = 0;
  virtual void OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                        absl::Time now, const absl::Status& status) = 0;
  // The device has nothing to do before `wake`, unless something changes.
  virtual void OnIdle(int device, absl::Time now, absl::Time wake) = 0;
  virtual void OnEnd(int device, RowId row, absl::Time now, const absl::Status& status) = 0;
  // The simulation may end here.
  virtual bool HasSeenEnough() const { return false; }
};

// What goes wrong on the devices.
struct Faults {
  std::set<RowId> poisoned;  // Rows whose every call of this kind fails.
  CallKind poisoned_kind = CallKind::kStep;
  int64_t memory = INT64_MAX;  // Rows times latents of a call that still fit.
};

struct Device {
  DeviceTimes times;     // What calls take,
  DeviceTimes believed;  // and what the contender is told that they took.
  double jitter = 0;     // Standard deviation of the logarithm of what calls take.
  bool learns = false;   // The contender is told the truth instead.
  Faults faults;
};

// Runs all callers through the contenders, one for each device, in virtual time, until all are
// answered. The devices are alike; a request goes to the one that predicts the earliest finish.
void Simulate(std::span<const Caller> callers, const Device& device,
              std::span<const std::unique_ptr<Contender>> contenders, uint64_t seed,
              Watcher& watcher);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_SIMULATION_H_
