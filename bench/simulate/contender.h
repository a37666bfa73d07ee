#ifndef DARKROOM_BENCH_SIMULATE_CONTENDER_H_
#define DARKROOM_BENCH_SIMULATE_CONTENDER_H_

#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/batch_policy.h"
#include "batcher/cost_model.h"
#include "batcher/planner.h"
#include "batcher/row.h"

namespace darkroom::sim {

// Who decides what a simulated device does, with Planner's methods.
class Contender {
 public:
  virtual ~Contender() = default;

  virtual absl::Status Submit(absl::Time now, const BatchRequest& request) = 0;
  virtual void Cancel(RowId request) = 0;
  virtual Decision Next(absl::Time now) = 0;
  virtual void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
                      absl::Duration took) = 0;
  virtual void OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) = 0;
  virtual void OnEnd(RowId row, absl::Time now) = 0;
  // Which of several devices gets a request: the one that promises least.
  virtual absl::Duration Predict(absl::Time now, const BatchRequest& request) = 0;
};

// Darkroom's own.
class PlannerContender final : public Contender {
 public:
  PlannerContender(const BatchOptions& options, const DeviceProfile& profile)
      : planner_(options, profile) {}

  absl::Status Submit(absl::Time now, const BatchRequest& request) override {
    return planner_.Submit(now, request);
  }
  void Cancel(RowId request) override { planner_.Cancel(request); }
  Decision Next(absl::Time now) override { return planner_.Next(now); }
  void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
              absl::Duration took) override {
    planner_.OnCall(kind, rows, now, took);
  }
  void OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) override {
    planner_.OnOutOfMemory(kind, rows, now);
  }
  void OnEnd(RowId row, absl::Time now) override { planner_.OnEnd(row, now); }
  absl::Duration Predict(absl::Time now, const BatchRequest& request) override {
    return planner_.Predict(now, request);
  }

 private:
  Planner planner_;
};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_CONTENDER_H_
