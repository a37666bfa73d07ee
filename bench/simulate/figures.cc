#include "bench/simulate/figures.h"

#include <algorithm>
#include <cmath>

namespace darkroom::sim {
namespace {

constexpr size_t kWarmUpShare = 20;  // One part in so many is left out.

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double place = std::ceil(share * static_cast<double>(sorted.size())) - 1;
  return sorted[static_cast<size_t>(std::max(place, 0.0))];
}

}  // namespace

void FigureWatcher::Begin(std::span<const Caller> callers) {
  by_row_.clear();
  for (size_t i = 0; i < callers.size(); ++i) {
    for (const Row& row : callers[i].request.rows) by_row_[row.id] = outcomes_.size();
    outcomes_.push_back({.caller = callers[i],
                         .counts = i >= callers.size() / kWarmUpShare,
                         .rows_left = callers[i].request.rows.size()});
  }
  run_end_ = absl::UnixEpoch();
}

void FigureWatcher::OnSubmit(int, const Caller& caller, const absl::Status& status) {
  Outcome& outcome = outcomes_[by_row_.at(IdOf(caller.request))];
  outcome.failed = !status.ok();
  outcome.refused = absl::IsResourceExhausted(status);
}

void FigureWatcher::OnCancel(RowId request, absl::Time) {
  Outcome& outcome = outcomes_[by_row_.at(request)];
  outcome.cancelled = outcome.rows_left > 0;
}

void FigureWatcher::OnReturn(int, CallKind, std::span<const RowId>, absl::Time begin,
                             absl::Time now, const absl::Status&) {
  busy_ += absl::ToDoubleSeconds(now - begin);
  time_ += absl::ToDoubleSeconds(now - run_end_);
  run_end_ = now;
}

void FigureWatcher::OnCall(int, CallKind kind, std::span<const RowId> rows, absl::Time, bool) {
  if (kind != CallKind::kStep) return;
  ++passes_;
  rows_in_passes_ += static_cast<int64_t>(rows.size());
}

void FigureWatcher::OnEnd(int, RowId row, absl::Time now, const absl::Status& status) {
  Outcome& outcome = outcomes_[by_row_.at(row)];
  outcome.failed |= !status.ok();
  // The queue's refusals come with OnSubmit.
  outcome.broken |= absl::IsInternal(status) || absl::IsResourceExhausted(status);
  outcome.end = now;
  --outcome.rows_left;
}

Figures FigureWatcher::Summary(const CallerFilter& filter) const {
  Figures figures;
  std::vector<double> latencies;
  double slowdown = 0, offered = 0, done = 0;
  int with_deadline = 0, missed = 0, refused = 0, broken = 0;
  for (const Outcome& outcome : outcomes_) {
    if (!outcome.counts || (filter && !filter(outcome.caller))) continue;
    ++figures.requests;
    refused += outcome.refused;
    if (outcome.cancelled) continue;
    broken += outcome.broken;
    const absl::Time deadline = outcome.caller.request.deadline;
    const bool in_time = !outcome.failed && outcome.end <= deadline;
    offered += outcome.caller.work;
    done += in_time ? outcome.caller.work : 0;
    with_deadline += deadline != absl::InfiniteFuture();
    missed += deadline != absl::InfiniteFuture() && !in_time;
    if (outcome.failed) continue;
    latencies.push_back(absl::ToDoubleSeconds(outcome.end - outcome.caller.arrival));
    slowdown += latencies.back() / outcome.caller.solo;
  }
  std::sort(latencies.begin(), latencies.end());
  figures.p50 = Percentile(latencies, 0.5);
  figures.p99 = Percentile(latencies, 0.99);
  figures.p999 = Percentile(latencies, 0.999);
  figures.mean_slowdown = slowdown / std::max<size_t>(latencies.size(), 1);
  figures.misses = static_cast<double>(missed) / std::max(with_deadline, 1);
  figures.goodput = offered == 0 ? 0 : done / offered;
  figures.refused = static_cast<double>(refused) / std::max(figures.requests, 1);
  figures.broken = static_cast<double>(broken) / std::max(figures.requests, 1);
  figures.mean_batch = static_cast<double>(rows_in_passes_) / std::max<int64_t>(passes_, 1);
  figures.busy = time_ == 0 ? 0 : busy_ / time_;
  return figures;
}

}  // namespace darkroom::sim
