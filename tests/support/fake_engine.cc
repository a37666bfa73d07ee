#include "tests/support/fake_engine.h"

#include "absl/strings/str_cat.h"

namespace darkroom {

absl::Status FakeEngine::Record(const std::string& kind, std::span<const RowId> rows) {
  absl::MutexLock lock(&mu_);
  held_call_ = kind;
  const auto is_free = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !held_ || (!held_kind_.empty() && held_kind_ != kind);
  };
  mu_.Await(absl::Condition(&is_free));
  held_call_.clear();
  calls_.push_back({kind, {rows.begin(), rows.end()}});
  if (rows.size() > memory_) return absl::ResourceExhaustedError("out of memory");
  for (const RowId row : rows) {
    if (const auto found = failing_.find({kind, row}); found != failing_.end()) {
      return found->second;
    }
  }
  return absl::OkStatus();
}

void FakeEngine::End(RowId row, const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  ends_[row] = status;
  ++end_counts_[row];
}

void FakeEngine::FailRow(const std::string& kind, RowId row) {
  absl::MutexLock lock(&mu_);
  failing_[{kind, row}] = absl::InternalError(absl::StrCat("row ", row));
}

void FakeEngine::LoseDevice(const std::string& kind, RowId row) {
  absl::MutexLock lock(&mu_);
  failing_[{kind, row}] = absl::UnavailableError("the device has failed");
}

void FakeEngine::SetMemory(size_t rows) {
  absl::MutexLock lock(&mu_);
  memory_ = rows;
}

void FakeEngine::HoldAt(const std::string& kind) {
  absl::MutexLock lock(&mu_);
  held_ = true;
  held_kind_ = kind;
}

void FakeEngine::Release() {
  absl::MutexLock lock(&mu_);
  held_ = false;
}

absl::Status FakeEngine::AwaitEnd(RowId row) {
  absl::MutexLock lock(&mu_);
  const auto has_ended = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return ends_.contains(row); };
  mu_.Await(absl::Condition(&has_ended));
  return ends_.at(row);
}

void FakeEngine::AwaitHeldCall(const std::string& kind) {
  absl::MutexLock lock(&mu_);
  const auto is_held = [&]()
                           ABSL_SHARED_LOCKS_REQUIRED(mu_) { return held_ && held_call_ == kind; };
  mu_.Await(absl::Condition(&is_held));
}

void FakeEngine::AwaitEnds(size_t count) {
  absl::MutexLock lock(&mu_);
  const auto have_ended = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return ends_.size() >= count; };
  mu_.Await(absl::Condition(&have_ended));
}

std::vector<FakeEngine::Call> FakeEngine::calls(const std::string& kind) const {
  absl::MutexLock lock(&mu_);
  std::vector<Call> calls;
  for (const Call& call : calls_) {
    if (call.kind == kind) calls.push_back(call);
  }
  return calls;
}

std::map<RowId, int> FakeEngine::end_counts() const {
  absl::MutexLock lock(&mu_);
  return end_counts_;
}

}  // namespace darkroom
