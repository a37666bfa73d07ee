#include "batcher/batcher.h"

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

using Action = Decision::Action;

}  // namespace

Batcher::Batcher(const BatchOptions& options, const DeviceProfile& profile, Clock& clock,
                 Engine& engine, BatchObserver& observer)
    : clock_(clock),
      engine_(engine),
      observer_(observer),
      planner_(options, profile),
      thread_(&Batcher::Run, this) {}

Batcher::~Batcher() {
  Drain(absl::ZeroDuration());
  thread_.join();
}

absl::Status Batcher::Submit(const BatchRequest& request) {
  absl::MutexLock lock(&mu_);
  if (!abandoned_.ok()) return abandoned_;
  if (draining_) return absl::UnavailableError("the server is draining");
  if (absl::Status s = planner_.Submit(clock_.TimeNow(), request); !s.ok()) return s;
  ReportHouse();
  has_news_ = true;
  return absl::OkStatus();
}

void Batcher::Cancel(RowId request) {
  absl::MutexLock lock(&mu_);
  planner_.Cancel(request);
  has_news_ = true;
}

void Batcher::Extend(RowId request, absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  planner_.Extend(request, deadline);
}

std::optional<QueuePlace> Batcher::PlaceOf(RowId request) {
  absl::MutexLock lock(&mu_);
  return planner_.PlaceOf(clock_.TimeNow(), request);
}

absl::Duration Batcher::OldestWait() {
  absl::MutexLock lock(&mu_);
  return planner_.OldestWait(clock_.TimeNow());
}

absl::Duration Batcher::Predict(const BatchRequest& request) {
  absl::MutexLock lock(&mu_);
  return planner_.Predict(clock_.TimeNow(), request);
}

absl::Duration Batcher::RetryDelay(size_t images) {
  absl::MutexLock lock(&mu_);
  return planner_.RetryDelay(images);
}

void Batcher::Drain(absl::Duration patience) {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  planner_.Drain();
  has_news_ = true;
  const absl::Time deadline = clock_.TimeNow() + patience;
  hand_back_ = deadline;
  if (clock_.AwaitWithDeadline(&mu_, absl::Condition(&stopped_), deadline)) return;
  abandoned_.Update(absl::UnavailableError("the server is shutting down"));
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
    if (draining_ && planner_.rows().rows() == 0) return std::nullopt;
    if (!abandoned_.ok() && planner_.rows().rows() > 0) {
      return Decision{
          .action = Action::kDrop, .rows = planner_.rows().AllRows(), .reason = abandoned_};
    }
    const absl::Time now = clock_.TimeNow();
    if (const auto end = std::exchange(hand_back_, std::nullopt)) {
      std::vector<RowId> rows = planner_.RowsBeyond(now, *end);
      if (!rows.empty()) {
        return Decision{
            .action = Action::kDrop,
            .rows = std::move(rows),
            .reason = absl::UnavailableError("the server ends before the image could be made")};
      }
    }
    Decision decision = planner_.Next(now);
    if (decision.action != Action::kWait) {
      if (decision.action == Action::kStart) ReportStart(decision, now);
      return decision;
    }
    clock_.AwaitWithDeadline(&mu_, absl::Condition(&has_news_), decision.wake);
  }
}

void Batcher::ReportStart(const Decision& start, absl::Time now) {
  absl::Duration longest;
  for (const RowId row : start.rows) {
    const AdmittedRequest& request = planner_.rows().OwnerOf(row);
    const absl::Duration waited = now - request.arrival;
    observer_.OnQueueWait(request.priority, request.pixels, waited);
    longest = std::max(longest, waited);
  }
  observer_.OnStart(start.trigger, longest);
  ReportHouse();
}

void Batcher::ReportPass(std::span<const RowId> rows, absl::Duration took) {
  observer_.OnPass({.rows = static_cast<int>(rows.size()),
                    .padding = planner_.PaddingOf(rows),
                    .pixels = planner_.rows().OwnerOf(rows.front()).pixels,
                    .took = took});
}

void Batcher::ReportHouse() {
  const RowTable& rows = planner_.rows();
  const HouseCounts now = {.waiting = rows.waiting().images_of,
                           .running = static_cast<int64_t>(rows.started_rows()),
                           .pixel_steps = rows.waiting().pixel_steps,
                           .tenants = static_cast<int64_t>(rows.tenants())};
  const HouseCounts before = std::exchange(reported_, now);
  HouseCounts change = {.running = now.running - before.running,
                        .pixel_steps = now.pixel_steps - before.pixel_steps,
                        .tenants = now.tenants - before.tenants};
  for (size_t i = 0; i < kPriorities; ++i) change.waiting[i] = now.waiting[i] - before.waiting[i];
  observer_.OnHouse(change);
}

void Batcher::Perform(const Decision& decision) {
  if (decision.action == Action::kDrop) return EndRows(decision.rows, decision.reason);
  CallIsolated(KindOf(decision.action), decision.rows);
}

void Batcher::CallIsolated(CallKind kind, std::span<const RowId> rows) {
  const absl::Status status = Call(kind, rows);
  if (status.ok()) {
    if (kind == CallKind::kFinish) EndRows(rows, status);
    return;
  }
  const bool is_lost = absl::IsUnavailable(status);  // Every row ends with the next decision.
  const bool is_split = !is_lost && rows.size() > 1;
  observer_.OnFailedCall(status, is_split);
  if (is_split) {
    CallIsolated(kind, rows.first(rows.size() / 2));
    CallIsolated(kind, rows.subspan(rows.size() / 2));
  } else if (!is_lost) {
    EndRows(rows, status);
  }
}

absl::Status Batcher::Call(CallKind kind, std::span<const RowId> rows) {
  const absl::Time begin = clock_.TimeNow();
  const absl::Status status = kind == CallKind::kStart  ? engine_.Start(rows)
                              : kind == CallKind::kStep ? engine_.Step(rows)
                                                        : engine_.Finish(rows);
  const absl::Duration took = clock_.TimeNow() - begin;
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.TimeNow();  // Under the lock: the planner's time never goes back.
  if (status.ok()) {
    planner_.OnCall(kind, rows, now, took);
    if (kind == CallKind::kStep) ReportPass(rows, took);
  } else if (absl::IsResourceExhausted(status)) {
    planner_.OnOutOfMemory(kind, rows, now);
  } else if (absl::IsUnavailable(status)) {
    abandoned_.Update(status);
  }
  return status;
}

void Batcher::EndRows(std::span<const RowId> rows, const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    const absl::Time now = clock_.TimeNow();
    for (const RowId row : rows) {
      if (!status.ok()) {
        const AdmittedRow& lost = planner_.rows().Find(row);
        observer_.OnLostRow(
            {.stage = lost.stage(), .reason = status, .device_time = lost.device_time});
      }
      planner_.OnEnd(row, now);
    }
    ReportHouse();
  }
  for (const RowId row : rows) engine_.End(row, status);
}

}  // namespace darkroom
