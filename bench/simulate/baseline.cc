#include "bench/simulate/baseline.h"

#include <utility>

namespace darkroom::sim {

absl::Status Baseline::Submit(absl::Time, const BatchRequest& request) {
  if (rows_.size() - running_ + request.rows.size() > rule_.max_queued) {
    return absl::ResourceExhaustedError("full");
  }
  for (const Row& row : request.rows) {
    rows_.emplace(row.id, State{row, request.key, IdOf(request), request.deadline});
  }
  return absl::OkStatus();
}

void Baseline::Cancel(RowId request) {
  for (auto row = rows_.lower_bound(request); row != rows_.end(); ++row) {
    if (row->second.request != request) break;
    row->second.cancelled = true;
    ++cancelled_;
  }
}

Decision Baseline::Next(absl::Time now) {
  using Action = Decision::Action;
  if (std::vector<RowId> rows = ToDrop(true, now); !rows.empty()) {
    return {.action = Action::kDrop, .rows = std::move(rows), .reason = absl::CancelledError("")};
  }
  if (std::vector<RowId> rows = ToDrop(false, now); !rows.empty()) {
    return {.action = Action::kDrop,
            .rows = std::move(rows),
            .reason = absl::DeadlineExceededError("")};
  }
  if (std::vector<RowId> rows = Finished(); !rows.empty()) {
    return {.action = Action::kFinish, .rows = std::move(rows)};
  }
  const std::vector<RowId> pass = Pass();
  if (pass.empty()) return {.action = Action::kWait};
  Decision start = {.action = Action::kStart};
  for (const RowId row : pass) {
    State& state = rows_.at(row);
    if (state.started) continue;
    start.rows.push_back(row);
    state.started = true;
    ++running_;
  }
  if (!start.rows.empty()) return start;
  return {.action = Action::kStep, .rows = pass};
}

void Baseline::OnCall(CallKind kind, std::span<const RowId> rows, absl::Time, absl::Duration) {
  if (kind != CallKind::kStep) return;
  for (const RowId row : rows) --rows_.at(row).row.steps;
}

void Baseline::OnEnd(RowId row, absl::Time) {
  const auto found = rows_.find(row);
  running_ -= found->second.started;
  cancelled_ -= found->second.cancelled;
  rows_.erase(found);
}

std::vector<RowId> Baseline::ToDrop(bool cancelled, absl::Time now) const {
  std::vector<RowId> drop;
  if (cancelled ? cancelled_ == 0 : !rule_.drops) return drop;
  for (const auto& [id, state] : rows_) {
    const double solo = times_.Solo({.rows = {state.row}, .key = state.key}, 1);
    const bool late = !state.started && state.deadline <= now + absl::Seconds(solo);
    if (cancelled ? state.cancelled : late) drop.push_back(id);
  }
  return drop;
}

std::vector<RowId> Baseline::Finished() const {
  std::vector<RowId> rows;
  for (const auto& [id, state] : rows_) {
    if (rows.size() == static_cast<size_t>(rule_.max_batch_size)) break;
    if (!state.started || state.row.steps > 0) continue;
    if (rows.empty() || state.key == rows_.at(rows.front()).key) rows.push_back(id);
  }
  return rows;
}

std::vector<RowId> Baseline::Pass() const {
  std::vector<RowId> pass;
  const bool closed = !rule_.joins && running_ > 0;
  for (const auto& [id, state] : rows_) {
    if (pass.size() == static_cast<size_t>(rule_.max_batch_size)) break;
    if (closed && (pass.size() == running_ || !state.started)) {
      if (pass.size() == running_) break;
      continue;
    }
    if (pass.empty() || state.key == rows_.at(pass.front()).key) pass.push_back(id);
  }
  return pass;
}

}  // namespace darkroom::sim
