#include "batcher/batcher.h"

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

std::vector<RowId> Ids(std::span<const Row> rows) {
  std::vector<RowId> ids;
  ids.reserve(rows.size());
  for (const Row& row : rows) ids.push_back(row.id);
  return ids;
}

}  // namespace

Batcher::Batcher(const BatchOptions& options, Clock& clock, Engine& engine, BatchObserver& observer)
    : clock_(clock),
      engine_(engine),
      observer_(observer),
      waiting_(options),
      thread_(&Batcher::Run, this) {}

Batcher::~Batcher() {
  Drain(absl::ZeroDuration());
  thread_.join();
}

absl::Status Batcher::Submit(std::vector<Row> rows) {
  absl::MutexLock lock(&mu_);
  if (draining_) return absl::UnavailableError("the server is draining");
  const absl::Time now = clock_.TimeNow();
  for (Row& row : rows) row.arrival = now;
  if (absl::Status status = waiting_.Push(rows); !status.ok()) return status;
  observer_.OnQueueDepth(waiting_.images());
  has_news_ = true;
  return absl::OkStatus();
}

void Batcher::Cancel(std::span<const RowId> rows) {
  absl::MutexLock lock(&mu_);
  for (const RowId id : rows) {
    if (waiting_.Cancel(id)) continue;
    for (RunningRow& running : running_) {
      if (running.row.id == id) running.row.cancelled = true;
    }
  }
  has_news_ = true;
}

void Batcher::Drain(absl::Duration patience) {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  has_news_ = true;
  const absl::Time deadline = clock_.TimeNow() + patience;
  if (clock_.AwaitWithDeadline(&mu_, absl::Condition(&stopped_), deadline)) return;
  abandoning_ = true;
  has_news_ = true;
  mu_.Await(absl::Condition(&stopped_));
}

void Batcher::Run() {
  while (const std::optional<Decision> decision = AwaitDecision()) Perform(*decision);
  absl::MutexLock lock(&mu_);
  stopped_ = true;
}

std::optional<Decision> Batcher::AwaitDecision() {
  absl::MutexLock lock(&mu_);
  while (true) {
    has_news_ = false;
    if (abandoning_) {
      Decision drop{.action = Decision::Action::kDrop, .rows = waiting_.All()};
      for (const RunningRow& r : running_) drop.rows.push_back(r.row);
      if (drop.rows.empty()) return std::nullopt;
      return drop;
    }
    const Decision decision = Decide(clock_.TimeNow(), waiting_, running_, draining_);
    if (decision.action == Decision::Action::kTake) {
      Take(decision.key);
    } else if (decision.action != Decision::Action::kWait) {
      return decision;
    } else if (draining_) {
      return std::nullopt;  // While draining, only an empty house waits.
    } else {
      clock_.AwaitWithDeadline(&mu_, absl::Condition(&has_news_), decision.wake);
    }
  }
}

void Batcher::Take(const BatchKey& key) {
  const absl::Time now = clock_.TimeNow();
  for (const Row& row : waiting_.PopBatch(key)) {
    observer_.OnQueueWait(now - row.arrival);
    running_.push_back({.row = row, .steps_left = row.steps});
  }
  observer_.OnQueueDepth(waiting_.images());
}

void Batcher::Perform(const Decision& decision) {
  using Action = Decision::Action;
  if (decision.action == Action::kDrop) return Drop(decision.rows);
  const Call call = decision.action == Action::kStart  ? &Engine::Start
                    : decision.action == Action::kStep ? &Engine::Step
                                                       : &Engine::Finish;
  MarkDone(decision.action, CallIsolated(call, Ids(decision.rows)));
}

void Batcher::Drop(std::span<const Row> rows) {
  bool abandoning = false;
  {
    absl::MutexLock lock(&mu_);
    abandoning = abandoning_;
    waiting_.Remove(rows);
    observer_.OnQueueDepth(waiting_.images());
  }
  for (const Row& row : rows) {
    EndRow(row.id, row.cancelled ? absl::CancelledError("the caller cancelled")
                   : abandoning  ? absl::UnavailableError("the server is shutting down")
                                 : absl::DeadlineExceededError("the deadline passed"));
  }
}

std::vector<RowId> Batcher::CallIsolated(Call call, std::span<const RowId> rows) {
  const absl::Status status = (engine_.*call)(rows);
  if (status.ok()) {
    if (call == &Engine::Step) observer_.OnPass(static_cast<int>(rows.size()));
    return {rows.begin(), rows.end()};
  }
  if (rows.size() == 1) {
    EndRow(rows.front(), status);
    return {};
  }
  std::vector<RowId> good = CallIsolated(call, rows.first(rows.size() / 2));
  const std::vector<RowId> rest = CallIsolated(call, rows.subspan(rows.size() / 2));
  good.insert(good.end(), rest.begin(), rest.end());
  return good;
}

void Batcher::MarkDone(Decision::Action action, std::span<const RowId> rows) {
  if (action == Decision::Action::kFinish) {
    for (const RowId id : rows) EndRow(id, absl::OkStatus());
    return;
  }
  absl::MutexLock lock(&mu_);
  for (RunningRow& running : running_) {
    if (std::find(rows.begin(), rows.end(), running.row.id) == rows.end()) continue;
    if (action == Decision::Action::kStart) running.started = true;
    if (action == Decision::Action::kStep) --running.steps_left;
  }
}

void Batcher::EndRow(RowId id, const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    std::erase_if(running_, [id](const RunningRow& running) { return running.row.id == id; });
  }
  engine_.End(id, status);
}

}  // namespace darkroom
