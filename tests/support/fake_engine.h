#ifndef DARKROOM_TESTS_SUPPORT_FAKE_ENGINE_H_
#define DARKROOM_TESTS_SUPPORT_FAKE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "batcher/engine.h"

namespace darkroom {

// An engine that writes down every call, answers rows' ends to whoever asks, fails the rows it is
// told to, and can be held still in the middle of a call. Thread-safe.
class FakeEngine final : public Engine {
 public:
  // One call: "start", "step" or "finish", and its rows in order.
  struct Call {
    std::string kind;
    std::vector<RowId> rows;
    bool operator==(const Call&) const = default;
  };

  absl::Status Start(std::span<const RowId> rows) override { return Record("start", rows); }
  absl::Status Step(std::span<const RowId> rows) override { return Record("step", rows); }
  absl::Status Finish(std::span<const RowId> rows) override { return Record("finish", rows); }
  void End(RowId row, const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

  // Every call of this kind that holds the row fails.
  void FailRow(const std::string& kind, RowId row) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls of this kind that hold the row find that the device has failed.
  void LoseDevice(const std::string& kind, RowId row) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls of more rows than this find no memory.
  void SetMemory(size_t rows) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls wait from now on, until Release; those of one kind alone, while those of others go on.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_) { HoldAt(""); }
  void HoldAt(const std::string& kind) ABSL_LOCKS_EXCLUDED(mu_);
  void Release() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns once the row has ended, with its status.
  absl::Status AwaitEnd(RowId row) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns once a call of this kind waits because of Hold.
  void AwaitHeldCall(const std::string& kind) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitEnds(size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Call> calls(const std::string& kind) const ABSL_LOCKS_EXCLUDED(mu_);
  // How often each row has ended.
  std::map<RowId, int> end_counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Record(const std::string& kind, std::span<const RowId> rows)
      ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  std::string held_kind_ ABSL_GUARDED_BY(mu_);  // Empty: all.
  size_t memory_ ABSL_GUARDED_BY(mu_) = SIZE_MAX;
  std::string held_call_ ABSL_GUARDED_BY(mu_);
  std::vector<Call> calls_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, RowId>, absl::Status> failing_ ABSL_GUARDED_BY(mu_);
  std::map<RowId, absl::Status> ends_ ABSL_GUARDED_BY(mu_);
  std::map<RowId, int> end_counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_FAKE_ENGINE_H_
