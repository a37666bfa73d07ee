#include "batcher/batch_policy.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace darkroom {
namespace {

using Action = Decision::Action;

std::vector<Row> OverdueRows(absl::Time now, const RowQueue& waiting,
                             std::span<const RunningRow> running) {
  std::vector<Row> overdue = waiting.Overdue(now);
  for (const RunningRow& r : running) {
    if (r.row.cancelled || r.row.deadline <= now) overdue.push_back(r.row);
  }
  return overdue;
}

Decision DecideOnRunning(std::span<const RunningRow> running) {
  Decision finish{.action = Action::kFinish};
  Decision start{.action = Action::kStart};
  Decision step{.action = Action::kStep};
  for (const RunningRow& r : running) {
    Decision& decision = !r.started ? start : r.steps_left == 0 ? finish : step;
    decision.rows.push_back(r.row);
  }
  if (!start.rows.empty()) return start;
  if (!finish.rows.empty()) return finish;
  return step;
}

}  // namespace

Decision Decide(absl::Time now, const RowQueue& waiting, std::span<const RunningRow> running,
                bool draining) {
  std::vector<Row> overdue = OverdueRows(now, waiting, running);
  if (!overdue.empty()) return {.action = Action::kDrop, .rows = std::move(overdue)};
  if (!running.empty()) return DecideOnRunning(running);
  const std::optional<RowQueue::Departure> departure = waiting.NextDeparture();
  if (!departure) return {.action = Action::kWait};
  if (departure->due <= now || draining) return {.action = Action::kTake, .key = departure->key};
  return {.action = Action::kWait, .wake = std::min(departure->due, waiting.EarliestDeadline())};
}

}  // namespace darkroom
