#ifndef DARKROOM_BENCH_SIMULATE_CHECKER_H_
#define DARKROOM_BENCH_SIMULATE_CHECKER_H_

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "batcher/batch_options.h"
#include "bench/simulate/simulation.h"

namespace darkroom::sim {

// Watches a simulation of Darkroom's batcher and writes down every broken promise. Knows the rules
// from docs/batching.md and shares no code with what it checks.
class Checker final : public Watcher {
 public:
  // `knows_costs`: the batcher believes `device.believed` throughout, so that the order of rows and
  // what a row can still make are known; else what depends on them is not checked.
  Checker(const BatchOptions& options, const Device& device, bool knows_costs);

  void OnSubmit(int device, const Caller& caller, const absl::Status& status) override;
  void OnCancel(RowId request, absl::Time now) override;
  void OnCall(int device, CallKind kind, std::span<const RowId> rows, absl::Time now,
              bool is_retry) override;
  void OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                absl::Time now, const absl::Status& status) override;
  void OnIdle(int device, absl::Time now, absl::Time wake) override;
  void OnEnd(int device, RowId row, absl::Time now, const absl::Status& status) override;
  bool HasSeenEnough() const override { return !violations_.empty(); }

  // After the simulation: what was promised for its end.
  void Finish();

  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Request;
  struct RowState {
    RowId id = 0;
    Request* request = nullptr;
    int steps_left = 0;
    int samples = 0;
    bool started = false;   // A first call has begun,
    bool prepared = false;  // and one has returned.
    bool in_call = false;
    bool decoded = false;
    int answers = 0;
  };
  struct Request {
    BatchRequest request;
    int device = 0;
    bool may_be_probe = false;  // Its deadline may be taken on trust.
    absl::Time arrival;
    bool cancelled = false;
    double tenant_work = 0;   // Seconds of its tenant's rows when it came.
    int64_t calls_ahead = 0;  // Of itself and all rows that may come before it.
    std::vector<RowId> rows;
  };

  struct DeviceState {
    bool busy = false;
    absl::Time idle_since = absl::InfinitePast();
    std::map<int64_t, absl::Time> last_calls;  // By the area of the key.
    // Started in the last call, and nobody came or went since: the next pass has them.
    std::vector<RowId> just_started;
  };

  void Expect(bool holds, const std::string& promise, RowId row);
  void ExpectRoom(int device, const Caller& caller, const absl::Status& status);
  void ExpectCallable(int device, CallKind kind, std::span<const RowId> rows, bool is_retry);
  void ExpectInTime(std::span<const RowId> rows, absl::Time now);
  void ExpectStart(int device, std::span<const RowId> rows);
  void ExpectStep(int device, std::span<const RowId> rows);
  void ExpectPrefix(int device, std::span<const RowId> rows, bool of_waiting);
  void ExpectWorthIt(int device, const Caller& caller);
  double Solo(const RowState& row) const;
  double OwnWork(const Request& request) const;
  double Due(const Request& request) const;
  static double PrioritySeconds(const BatchRequest& request);
  std::vector<const RowState*> Present(int device) const;
  void CountAhead(const Request& arrived);
  void ExpectBound(const Request& request, absl::Time now);

  const BatchOptions options_;
  const Device device_;
  const bool knows_costs_;
  std::map<RowId, Request> requests_;  // All that were accepted.
  std::unordered_map<RowId, RowState> rows_;
  std::map<RowId, RowState*> present_;  // Those not answered.
  std::unordered_map<int, DeviceState> devices_;
  absl::Duration longest_call_ = absl::ZeroDuration();
  absl::Duration lost_ = absl::ZeroDuration();  // In calls that failed.
  std::vector<std::string> violations_;
};

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_CHECKER_H_
