#include "batcher/planner.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "batcher/admission.h"

namespace darkroom {
namespace {

// Times that are older than this may be wrong; an idle device tries again before it refuses.
constexpr absl::Duration kCostsAge = absl::Seconds(30);

}  // namespace

Planner::Planner(const BatchOptions& options, const DeviceProfile& profile)
    : options_(options),
      costs_(profile.costs),
      caps_(profile.caps),
      rows_(WeightsOf(options.mode)) {
  costs_.PadTo(options.padded_sizes);
}

absl::Status Planner::Submit(absl::Time now, const BatchRequest& request) {
  double work = 0;
  for (const Row& row : request.rows) {
    work += costs_.WorkOf(request.key, row, options_.max_batch_size);
  }
  load_.OnArrival(now, work);
  if (absl::Status s = CheckRoom(request, rows_, options_.limits); !s.ok()) return s;
  auto admitted =
      std::make_unique<AdmittedRequest>(request, now, rows_.tenant_work(request.tenant), costs_);
  admitted->is_probe = DoubtsCosts(now);
  if (request.deadline <= now) return absl::DeadlineExceededError("the deadline passed");
  if (request.deadline != absl::InfiniteFuture() && !admitted->is_probe) {
    const absl::Duration wait = PredictDuration(*admitted, rows_, options_.max_batch_size);
    if (now + AdmissionFactor(load_.load()) * wait > request.deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the deadline is sure to pass first: the images would take about ",
                       absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(1)))));
    }
  }
  rows_.Add(std::move(admitted));
  return absl::OkStatus();
}

// What was learned long ago, or when the machine had a bad time, must not refuse requests for ever:
// on an idle device one is let through, and teaches anew.
bool Planner::DoubtsCosts(absl::Time now) const {
  return rows_.rows() == 0 && now - last_call_ > kCostsAge;
}

Decision Planner::Next(absl::Time now) {
  Decision decision = Decide({.now = now,
                              .rows = rows_,
                              .costs = costs_,
                              .caps = caps_,
                              .load = load_.load(),
                              .draining = draining_},
                             options_);
  if (decision.action == Decision::Action::kStart) rows_.Start(decision.rows);
  return decision;
}

void Planner::OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
                     absl::Duration took) {
  const BatchKey key = rows_.OwnerOf(rows.front()).key;
  const int size = kind == CallKind::kStep ? rows_.SamplesOf(rows) : static_cast<int>(rows.size());
  costs_.Observe(kind, key, size, absl::ToDoubleSeconds(took));
  if (kind == CallKind::kStep) rows_.Step(rows);
  last_call_ = now;
}

void Planner::OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) {
  caps_.OnOutOfMemory(kind, rows_.OwnerOf(rows.front()).key, static_cast<int>(rows.size()), now);
}

void Planner::OnEnd(RowId row, absl::Time now) {
  rows_.Remove(row);
  drain_rate_.OnEnd(now, rows_.rows() == 0);
}

absl::Duration Planner::Predict(absl::Time now, const BatchRequest& request) const {
  const AdmittedRequest admitted(request, now, rows_.tenant_work(request.tenant), costs_);
  return PredictDuration(admitted, rows_, options_.max_batch_size);
}

}  // namespace darkroom
