#include "bench/simulate/planted_bugs.h"

#include <algorithm>
#include <map>
#include <set>

namespace darkroom::sim {
namespace {

using Action = Decision::Action;

BatchOptions WithLongerQueue(BatchOptions options) {
  options.limits = {.images = 1 << 20,
                    .images_per_tenant = 1 << 20,
                    .pixels = INT64_MAX,
                    .pixel_steps = INT64_MAX};
  return options;
}

class Buggy final : public Contender {
 public:
  Buggy(Bug bug, const BatchOptions& options, const DeviceProfile& profile)
      : bug_(bug),
        is_static_(options.mode == BatchingMode::kStatic),
        good_(bug == Bug::kQueueTooLong ? WithLongerQueue(options) : options, profile) {}

  absl::Status Submit(absl::Time now, const BatchRequest& submitted) override {
    BatchRequest request = submitted;
    if (request.deadline < absl::InfiniteFuture()) {
      if (bug_ == Bug::kRefusesInVain) return absl::DeadlineExceededError("");
      if (bug_ == Bug::kKeepsLateRows) request.deadline = absl::InfiniteFuture();
    }
    absl::Status status = good_.Submit(now, request);
    if (!status.ok()) return status;
    for (const Row& row : request.rows) rows_[row.id] = {request.key, row.steps};
    return status;
  }

  void Cancel(RowId request) override {
    if (bug_ != Bug::kForgetsACancel) good_.Cancel(request);
  }

  Decision Next(absl::Time now) override {
    Decision decision = good_.Next(now);
    ++decisions_;
    if (decisions_ > kHonestDecisions) Spoil(decision);
    return decision;
  }

  void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
              absl::Duration took) override {
    for (const RowId row : rows) {
      rows_[row].steps_left -= kind == CallKind::kStep;
      if (kind == CallKind::kStart) started_.insert(row);
    }
    good_.OnCall(kind, rows, now, took);
  }
  void OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) override {
    good_.OnOutOfMemory(kind, rows, now);
  }
  void OnEnd(RowId row, absl::Time now) override {
    answered_ = row;
    rows_.erase(row);
    started_.erase(row);
    good_.OnEnd(row, now);
  }
  absl::Duration Predict(absl::Time now, const BatchRequest& request) override {
    return good_.Predict(now, request);
  }

 private:
  struct Facts {
    BatchKey key;
    int steps_left = 0;
  };
  static constexpr int kHonestDecisions = 3;

  void Spoil(Decision& decision) {
    const bool step = decision.action == Action::kStep;
    std::vector<RowId>& rows = decision.rows;
    switch (bug_) {
      case Bug::kLosesARow:
        if (victim_ == 0 && step) victim_ = rows.front();
        std::erase(rows, victim_);
        if (rows.empty() && decision.action != Action::kWait) decision = {};
        return;
      case Bug::kAnswersTwice:
        if (answered_ != 0) decision = Drop(answered_, absl::CancelledError(""));
        return;
      case Bug::kAnswersUnmade:
        if (step) decision = Drop(rows.front(), absl::OkStatus());
        return;
      case Bug::kMixesKeys:
        if (const RowId other = step ? StartedRow(rows, /*same_key=*/false) : 0) {
          rows.push_back(other);
        }
        return;
      case Bug::kPassTooLarge:
        while (const RowId other = step ? StartedRow(rows, /*same_key=*/true) : 0) {
          rows.push_back(other);
        }
        return;
      case Bug::kSkipsTheFirst:
        if (step && rows.size() > 1) rows.erase(rows.begin());
        return;
      case Bug::kIdlesOn:
        if (step) decision = {};
        return;
      case Bug::kDropsTooEarly:
        if (step) decision = Drop(rows.front(), absl::DeadlineExceededError(""));
        return;
      case Bug::kFinishesTooEarly:
        if (step && rows_[rows.front()].steps_left > 0) decision.action = Action::kFinish;
        return;
      case Bug::kStartsTwice:
        if (step) decision.action = Action::kStart;
        return;
      case Bug::kTwiceInAPass:
        if (step) rows.push_back(rows.front());
        return;
      case Bug::kStartsOutOfOrder:
        if (const RowId other = decision.action == Action::kStart ? LastWaiting(rows) : 0) {
          rows = {other};
        }
        return;
      case Bug::kJoinsStatic:
        if (const RowId other = step && is_static_ ? LastWaiting(rows) : 0) {
          decision = {.action = Action::kStart, .rows = {other}};
        }
        return;
      default: return;
    }
  }

  static Decision Drop(RowId row, const absl::Status& reason) {
    return {.action = Action::kDrop, .rows = {row}, .reason = reason};
  }

  // A started row with steps left that is not among these; 0 when there is none.
  RowId StartedRow(const std::vector<RowId>& rows, bool same_key) const {
    const BatchKey& key = rows_.at(rows.front()).key;
    for (const RowId row : started_) {
      const bool is_in = std::find(rows.begin(), rows.end(), row) != rows.end();
      const Facts& facts = rows_.at(row);
      if (!is_in && facts.steps_left > 0 && (facts.key == key) == same_key) return row;
    }
    return 0;
  }

  // The row of the same key that came last, if it has not started and is not among these; else 0.
  RowId LastWaiting(const std::vector<RowId>& rows) const {
    const BatchKey& key = rows_.at(rows.front()).key;
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
      if (row->second.key != key) continue;
      const bool is_in = std::find(rows.begin(), rows.end(), row->first) != rows.end();
      return is_in || started_.contains(row->first) ? 0 : row->first;
    }
    return 0;
  }

  const Bug bug_;
  const bool is_static_;
  PlannerContender good_;
  std::map<RowId, Facts> rows_;
  std::set<RowId> started_;
  RowId answered_ = 0;
  RowId victim_ = 0;
  int decisions_ = 0;
};

}  // namespace

std::unique_ptr<Contender> MakeBuggy(Bug bug, const BatchOptions& options,
                                     const DeviceProfile& profile) {
  return std::make_unique<Buggy>(bug, options, profile);
}

}  // namespace darkroom::sim
