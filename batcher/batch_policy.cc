#include "batcher/batch_policy.h"

#include <algorithm>
#include <utility>

#include "batcher/pass_size.h"

namespace darkroom {
namespace {

using Action = Decision::Action;

constexpr OrderWeights kFirstComeFirstServed = {.priority = 10};
constexpr OrderWeights kDueDates = {.own_work = 2, .tenant_work = 1, .priority = 10};
constexpr double kSavedTimeWeight = 2;   // In A of docs/batching.md.
constexpr double kDeadlineMargin = 1.4;  // Times the time alone: later than this nobody waits.

// The first rows of the line, at most so many; those that have started only, if so wanted.
std::vector<Candidate> FirstOf(const RowTable::Line& line, size_t count, bool started_only) {
  std::vector<Candidate> first;
  first.reserve(count);
  for (const RowTable::Place& place : line.places) {
    for (const AdmittedRow& row : place.request->rows) {
      if (first.size() == count) return first;
      if (row.started || !started_only) first.push_back({place.request, &row});
    }
  }
  return first;
}

// The line that has started rows; in static mode it is the only one.
const RowTable::Line& RunningLine(const RowTable& rows) {
  return std::find_if(rows.lines().begin(), rows.lines().end(),
                      [](const auto& entry) { return entry.second.started_rows > 0; })
      ->second;
}

// Finished rows of one key, as many as one call may have.
std::vector<RowId> RowsToFinish(const House& house, const BatchOptions& options) {
  std::vector<RowId> rows;
  size_t limit = 0;
  BatchKey key;
  for (const RowId row : house.rows.finished_rows()) {
    const BatchKey& its_key = house.rows.OwnerOf(row).key;
    if (rows.empty()) {
      key = its_key;
      limit = static_cast<size_t>(
          house.caps.Limit(CallKind::kFinish, key, options.max_batch_size, house.now));
    }
    if (its_key == key && rows.size() < limit) rows.push_back(row);
  }
  return rows;
}

// The end of an idle device's wait for company, and what ends it.
struct WindowEnd {
  absl::Time time = absl::InfinitePast();
  StartTrigger trigger = StartTrigger::kWindow;
};

// One window after the first row came, or as soon as a batch is full or a deadline could not wait.
// Who came while the device was busy has waited.
WindowEnd FindWindowEnd(const House& house, const BatchOptions& options) {
  const absl::Time first = house.rows.by_age().begin()->second->arrival;
  if (house.draining) return {.trigger = StartTrigger::kDrain};
  if (first < house.idle_since) return {.trigger = StartTrigger::kBacklog};
  for (const auto& [key, line] : house.rows.lines()) {
    const auto full = static_cast<size_t>(
        house.caps.Limit(CallKind::kStep, key, options.max_batch_size, house.now));
    if (FirstOf(line, full, /*started_only=*/false).size() == full) {
      return {.trigger = StartTrigger::kFull};
    }
  }
  WindowEnd end = {.time = first + options.window};
  for (const auto& [age, request] : house.rows.by_age()) {
    if (request->deadline == absl::InfiniteFuture()) continue;
    for (const AdmittedRow& row : request->rows) {
      const absl::Time latest = request->deadline - absl::Seconds(kDeadlineMargin * row.Solo());
      if (latest < end.time) end = {latest, StartTrigger::kDeadline};
    }
  }
  return end;
}

// The rows of the next pass, those included that have to start first.
std::vector<Candidate> NextPass(const House& house, const BatchOptions& options) {
  const bool is_static = options.mode == BatchingMode::kStatic;
  const bool to_completion = is_static && house.rows.started_rows() > 0;
  const RowTable::Line& line = to_completion ? RunningLine(house.rows) : house.rows.FirstLine();
  const BatchKey& key = line.places.begin()->request->key;
  const int limit = house.caps.Limit(CallKind::kStep, key, options.max_batch_size, house.now);
  std::vector<Candidate> pass = FirstOf(line, static_cast<size_t>(limit), to_completion);
  if (is_static) return pass;
  const double pressure =
      kSavedTimeWeight / (1 - house.load) * static_cast<double>(house.rows.requests());
  pass.resize(PassSize(pass, house.costs, pressure));
  return pass;
}

Decision StartOrStep(const House& house, const std::vector<Candidate>& pass,
                     const BatchOptions& options) {
  Decision start = {.action = Action::kStart};
  Decision step = {.action = Action::kStep};
  for (const Candidate& candidate : pass) {
    Decision& decision = candidate.row->started ? step : start;
    decision.rows.push_back(candidate.row->id);
  }
  if (start.rows.empty()) return step;
  const int limit = house.caps.Limit(CallKind::kStart, pass.front().request->key,
                                     options.max_batch_size, house.now);
  start.rows.resize(std::min(start.rows.size(), static_cast<size_t>(limit)));
  return start;
}

}  // namespace

CallKind KindOf(Action action) {
  return action == Action::kStart  ? CallKind::kStart
         : action == Action::kStep ? CallKind::kStep
                                   : CallKind::kFinish;
}

OrderWeights WeightsOf(BatchingMode mode) {
  return mode == BatchingMode::kStatic ? kFirstComeFirstServed : kDueDates;
}

Decision Decide(const House& house, const BatchOptions& options) {
  if (std::vector<RowId> rows = house.rows.CancelledRows(); !rows.empty()) {
    return {.action = Action::kDrop,
            .rows = std::move(rows),
            .reason = absl::CancelledError("the caller cancelled")};
  }
  if (std::vector<RowId> rows = house.rows.LateRows(house.now); !rows.empty()) {
    return {.action = Action::kDrop,
            .rows = std::move(rows),
            .reason = absl::DeadlineExceededError("the image could not be done by the deadline")};
  }
  if (std::vector<RowId> rows = RowsToFinish(house, options); !rows.empty()) {
    return {.action = Action::kFinish, .rows = std::move(rows)};
  }
  if (house.rows.rows() == 0) return {.action = Action::kWait};
  if (house.rows.started_rows() > 0) {
    return StartOrStep(house, NextPass(house, options), options);
  }
  const WindowEnd end = FindWindowEnd(house, options);
  if (end.time > house.now) {
    return {.action = Action::kWait, .wake = std::min(end.time, house.rows.NextLate())};
  }
  Decision start = StartOrStep(house, NextPass(house, options), options);
  start.trigger = end.trigger;
  return start;
}

}  // namespace darkroom
