#include "batcher/planner.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "batcher/admission.h"

namespace darkroom {
namespace {

// Times that are older than this may be wrong.
constexpr absl::Duration kCostsAge = absl::Seconds(30);
constexpr size_t kMaxKeys = 256;

}  // namespace

Planner::Planner(const BatchOptions& options, const DeviceProfile& profile)
    : options_(options),
      costs_(profile.costs),
      caps_(profile.caps),
      rows_(WeightsOf(options.mode)) {
  costs_.PadTo(options.padded_sizes);
}

absl::Status Planner::Submit(absl::Time now, const BatchRequest& request) {
  first_submit_ = std::min(first_submit_, now);
  const int limit = Limit(request.key, now);
  double work = 0;
  for (const Row& row : request.rows) work += costs_.WorkOf(request.key, row, limit);
  load_.OnArrival(now, work);
  if (absl::Status s = CheckRoom(request, rows_, options_); !s.ok()) return s;
  auto admitted =
      std::make_unique<AdmittedRequest>(request, now, rows_.tenant_work(request.tenant), costs_);
  admitted->is_probe = DoubtsCosts(request.key, now);
  if (request.deadline <= now) return absl::DeadlineExceededError("the deadline passed");
  if (request.deadline != absl::InfiniteFuture() && !admitted->is_probe) {
    const absl::Duration wait = PredictDuration(*admitted, rows_, limit);
    if (now + AdmissionFactor(load_.load()) * wait > request.deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the deadline would pass first: the images would take about ",
                       absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(1)))));
    }
  }
  rows_.Add(std::move(admitted));
  return absl::OkStatus();
}

int Planner::Limit(const BatchKey& key, absl::Time now) const {
  return caps_.Limit(CallKind::kStep, key, options_.max_batch_size, now);
}

// What was learned long ago, or when the machine had a bad time, must not refuse requests for ever:
// one of the key is let through, and teaches anew.
bool Planner::DoubtsCosts(const BatchKey& key, absl::Time now) const {
  if (rows_.lines().contains(key)) return false;
  const auto last = last_calls_.find(key);
  return now - (last == last_calls_.end() ? first_submit_ : last->second) > kCostsAge;
}

void Planner::NoteCall(const BatchKey& key, absl::Time now) {
  if (last_calls_.size() >= kMaxKeys && !last_calls_.contains(key)) {
    absl::erase_if(last_calls_, [now](const auto& call) { return now - call.second > kCostsAge; });
    if (last_calls_.size() >= kMaxKeys) return;
  }
  last_calls_[key] = now;
}

Decision Planner::Next(absl::Time now) {
  // Late by what was believed then may be in time by what is known now.
  rows_.Reconsider(rows_.LateRows(now), costs_);
  Decision decision = Decide({.now = now,
                              .rows = rows_,
                              .costs = costs_,
                              .caps = caps_,
                              .load = load_.load(),
                              .idle_since = idle_since_,
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
  rows_.ShareTime(rows, took);
  if (kind == CallKind::kStep) rows_.Step(rows);
  NoteCall(key, now);
  idle_since_ = now;
}

void Planner::OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) {
  idle_since_ = now;
  caps_.OnOutOfMemory(kind, rows_.OwnerOf(rows.front()).key, static_cast<int>(rows.size()), now);
}

void Planner::OnEnd(RowId row, absl::Time now) {
  rows_.Remove(row);
  drain_rate_.OnEnd(now, rows_.rows() == 0);
}

absl::Duration Planner::Predict(absl::Time now, const BatchRequest& request) const {
  const AdmittedRequest admitted(request, now, rows_.tenant_work(request.tenant), costs_);
  return PredictDuration(admitted, rows_, Limit(request.key, now));
}

std::optional<QueuePlace> Planner::PlaceOf(absl::Time now, RowId id) const {
  const AdmittedRequest* request = rows_.FindRequest(id);
  if (request == nullptr) return std::nullopt;
  QueuePlace place;
  place.wait = PredictDuration(*request, rows_, Limit(request->key, now));
  const auto waiting = [](const AdmittedRequest& of) {
    return std::count_if(of.rows.begin(), of.rows.end(),
                         [](const AdmittedRow& row) { return !row.started; });
  };
  if (waiting(*request) == 0) return place;
  const auto order = [&](const AdmittedRequest& of) {
    return std::tuple(rows_.Due(of), of.arrival, of.id);
  };
  for (const auto& [age, other] : rows_.by_age()) {
    if (order(*other) < order(*request)) place.images_before += waiting(*other);
  }
  return place;
}

absl::Duration Planner::OldestWait(absl::Time now) const {
  const absl::Time oldest = rows_.OldestArrival();
  return oldest == absl::InfiniteFuture() ? absl::ZeroDuration() : now - oldest;
}

int Planner::PaddingOf(std::span<const RowId> rows) const {
  const int samples = rows_.SamplesOf(rows);
  return costs_.Padded(samples) - samples;
}

std::vector<RowId> Planner::RowsBeyond(absl::Time now, absl::Time end) const {
  std::vector<RowId> beyond;
  for (const auto& [age, request] : rows_.by_age()) {
    if (now + PredictDuration(*request, rows_, Limit(request->key, now)) <= end) continue;
    for (const AdmittedRow& row : request->rows) {
      if (!row.started) beyond.push_back(row.id);
    }
  }
  return beyond;
}

}  // namespace darkroom
