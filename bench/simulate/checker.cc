#include "bench/simulate/checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace darkroom::sim {
namespace {

// The rule's own numbers, from docs/batching.md.
constexpr double kOwnWork = 2;
constexpr double kPrioritySeconds = 10;
constexpr double kMostCautious = 1.4;
constexpr double kRounding = 1e-6;

constexpr absl::Duration kTick = absl::Microseconds(1);

}  // namespace

Checker::Checker(const BatchOptions& options, const Device& device, bool knows_costs)
    : options_(options), device_(device), knows_costs_(knows_costs) {}

void Checker::Expect(bool holds, const std::string& promise, RowId row) {
  if (!holds) violations_.push_back(absl::StrCat(promise, " (row ", row, ")"));
}

void Checker::OnSubmit(int device, const Caller& caller, const absl::Status& status) {
  const RowId id = caller.request.rows.front().id;
  ExpectRoom(device, caller, status);
  if (absl::IsDeadlineExceeded(status)) ExpectWorthIt(device, caller);
  if (!status.ok()) return;
  Request& request = requests_[id];
  request = {.request = caller.request, .device = device, .arrival = caller.arrival};
  for (const RowState* row : Present(device)) {
    if (row->request->request.tenant == caller.request.tenant) request.tenant_work += Solo(*row);
  }
  for (const Row& row : caller.request.rows) {
    RowState& state = rows_[row.id];
    state = {.id = row.id, .request = &request, .steps_left = row.steps, .samples = row.samples};
    request.rows.push_back(row.id);
    present_[row.id] = &state;
  }
  CountAhead(request);
}

// Room is refused when there is none, and only then.
void Checker::ExpectRoom(int device, const Caller& caller, const absl::Status& status) {
  int64_t images = 0, of_tenant = 0, pixels = 0, pixel_steps = 0;
  const auto count = [&](const BatchRequest& request, int64_t rows, int64_t steps) {
    images += rows;
    of_tenant += request.tenant == caller.request.tenant ? rows : 0;
    pixels += rows * request.pixels;
    pixel_steps += steps * request.pixels;
  };
  for (const RowState* row : Present(device)) {
    if (!row->started) count(row->request->request, 1, row->steps_left);
  }
  int64_t steps = 0;
  for (const Row& row : caller.request.rows) steps += row.steps;
  count(caller.request, static_cast<int64_t>(caller.request.rows.size()), steps);
  const QueueLimits& limits = options_.limits;
  const bool fits = images <= limits.images && of_tenant <= limits.images_per_tenant &&
                    pixels <= limits.pixels && pixel_steps <= limits.pixel_steps;
  Expect(fits == !absl::IsResourceExhausted(status), "the queue's bounds are kept, and used",
         caller.request.rows.front().id);
}

// Nobody is refused who would be in time even behind everybody else.
void Checker::ExpectWorthIt(int device, const Caller& caller) {
  if (!knows_costs_ || caller.request.deadline <= caller.arrival) return;
  double work = 0;
  for (const RowState* row : Present(device)) work += Solo(*row);
  for (const Row& row : caller.request.rows) {
    const BatchKey& key = caller.request.key;
    work += device_.believed.Of(CallKind::kStart, key, 1) +
            row.steps * device_.believed.Of(CallKind::kStep, key, row.samples) +
            device_.believed.Of(CallKind::kFinish, key, 1);
  }
  Expect(caller.arrival + absl::Seconds(kMostCautious * work) + kTick > caller.request.deadline,
         "nobody is refused who would be in time", caller.request.rows.front().id);
}

void Checker::OnCancel(RowId request, absl::Time) {
  const auto found = requests_.find(request);
  if (found != requests_.end()) found->second.cancelled = true;
}

void Checker::OnCall(int device, CallKind kind, std::span<const RowId> rows, absl::Time,
                     bool is_retry) {
  const RowId first = rows.front();
  Expect(!busy_[device], "a device does one thing at a time", first);
  busy_[device] = true;
  Expect(rows.size() <= static_cast<size_t>(options_.max_batch_size),
         "no call has more rows than the largest batch", first);
  for (const RowId id : rows) {
    RowState& row = rows_[id];
    Expect(present_.contains(id) && row.request->device == device,
           "a call has rows of its device that are not answered", id);
    if (!present_.contains(id)) return;
    Expect(!row.in_call, "no row is in two calls", id);
    Expect(row.request->request.key == rows_[first].request->request.key, "keys never mix", id);
    Expect(is_retry || !row.request->cancelled, "a cancelled row is in no call any more", id);
    Expect(is_retry || kind != CallKind::kStart || !row.started, "a row starts once", id);
    Expect(kind == CallKind::kStart || row.prepared, "a row starts first", id);
    Expect(kind != CallKind::kStep || row.steps_left > 0, "no row has a step too many", id);
    Expect(kind != CallKind::kFinish || row.steps_left == 0, "no row lacks a step", id);
  }
  if (!violations_.empty()) return;
  if (kind == CallKind::kStep && !is_retry) ExpectOrder(device, rows);
  for (const RowId id : rows) {
    rows_[id].in_call = true;
    rows_[id].started = true;
  }
}

// What is finished was decoded first; the row that is due first is in the pass; nobody is skipped.
void Checker::ExpectOrder(int device, std::span<const RowId> rows) {
  const bool is_static = options_.mode == BatchingMode::kStatic;
  double first = Due(*rows_[rows.front()].request);
  double last = first;
  for (const RowId id : rows) {
    first = std::min(first, Due(*rows_[id].request));
    last = std::max(last, Due(*rows_[id].request));
  }
  const BatchKey key = rows_[rows.front()].request->request.key;
  for (const RowState* row : Present(device)) {
    Expect(!row->prepared || row->steps_left > 0, "finished rows are decoded first", row->id);
    const bool is_in = std::find(rows.begin(), rows.end(), row->id) != rows.end();
    if (is_in) continue;
    if (is_static) {
      const bool full = rows.size() == static_cast<size_t>(options_.max_batch_size);
      Expect(!row->started || full || device_.faults.memory < INT64_MAX,
             "a static batch runs to completion together", row->id);
    } else if (knows_costs_) {
      const bool same_key = row->request->request.key == key;
      const double due = Due(*row->request);
      Expect(due >= (same_key ? last : first) - kRounding, "a pass is a prefix of the order",
             row->id);
    }
  }
}

void Checker::OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                       absl::Time now, const absl::Status& status) {
  busy_[device] = false;
  longest_call_ = std::max(longest_call_, now - begin);
  if (!status.ok()) lost_ += now - begin;
  for (const RowId id : rows) {
    RowState& row = rows_[id];
    row.in_call = false;
    if (!status.ok()) continue;
    row.prepared = true;
    row.steps_left -= kind == CallKind::kStep;
    row.decoded = kind == CallKind::kFinish;
  }
}

void Checker::OnIdle(int device, absl::Time now, absl::Time wake) {
  Expect(!busy_[device], "a busy device is not idle", 0);
  for (const RowState* row : Present(device)) {
    Expect(wake > now, "waiting ends", row->id);
    Expect(!row->started, "a device that has started rows goes on", row->id);
    Expect(wake <= row->request->arrival + options_.window + kTick,
           "no device is idle longer than a window while a row waits", row->id);
  }
}

void Checker::OnEnd(int, RowId id, absl::Time now, const absl::Status& status) {
  const auto found = rows_.find(id);
  Expect(found != rows_.end(), "only accepted rows are answered", id);
  if (found == rows_.end()) return;
  RowState& row = found->second;
  Expect(++row.answers == 1, "no row is answered twice", id);
  const Request& request = *row.request;
  switch (status.code()) {
    case absl::StatusCode::kOk: Expect(row.decoded, "an image was decoded", id); break;
    case absl::StatusCode::kCancelled: Expect(request.cancelled, "it was cancelled", id); break;
    case absl::StatusCode::kDeadlineExceeded:
      Expect(!knows_costs_ || now + absl::Seconds(Solo(row)) + kTick >= request.request.deadline,
             "no row is dropped that could still be in time", id);
      break;
    case absl::StatusCode::kInternal:
      Expect(device_.faults.poisoned.contains(id), "only a poisoned row fails", id);
      break;
    case absl::StatusCode::kResourceExhausted:
      Expect(request.request.key.area() > device_.faults.memory, "a row that fits is made", id);
      break;
    default: Expect(false, "the answer is one of these", id);
  }
  present_.erase(id);
  if (status.ok()) ExpectBound(request, now);
}

void Checker::Finish() {
  for (const auto& [id, row] : present_) Expect(false, "every row is answered", id);
}

std::vector<const Checker::RowState*> Checker::Present(int device) const {
  std::vector<const RowState*> rows;
  for (const auto& [id, row] : present_) {
    if (row->request->device == device) rows.push_back(row);
  }
  return rows;
}

double Checker::Solo(const RowState& row) const {
  const BatchKey& key = row.request->request.key;
  return (row.started ? 0 : device_.believed.Of(CallKind::kStart, key, 1)) +
         row.steps_left * device_.believed.Of(CallKind::kStep, key, row.samples) +
         device_.believed.Of(CallKind::kFinish, key, 1);
}

double Checker::OwnWork(const Request& request) const {
  double work = 0;
  for (const RowId id : request.rows) {
    if (present_.contains(id)) work += Solo(rows_.at(id));
  }
  return work;
}

double Checker::Due(const Request& request) const {
  const Priority priority = request.request.priority;
  return absl::ToDoubleSeconds(request.arrival - absl::UnixEpoch()) + request.tenant_work +
         kOwnWork * OwnWork(request) - (priority == Priority::kHigh ? kPrioritySeconds : 0) +
         (priority == Priority::kLow ? kPrioritySeconds : 0);
}

// Counts the calls of all that may come before a request: those who are here when it comes, and
// those who come before the latest moment at which a newcomer could still be due first.
void Checker::CountAhead(const Request& arrived) {
  const auto calls_of = [](const Request& request) {
    int64_t calls = 0;
    for (const Row& row : request.request.rows) calls += row.steps + 2;
    return calls;
  };
  Request& self = requests_.at(arrived.request.rows.front().id);
  self.calls_ahead = calls_of(self);
  for (auto& [id, other] : requests_) {
    if (&other == &self || other.device != self.device) continue;
    const bool is_here = std::any_of(other.rows.begin(), other.rows.end(),
                                     [&](RowId row) { return present_.contains(row); });
    if (!is_here) continue;
    self.calls_ahead += calls_of(other);
    const double latest = absl::ToDoubleSeconds(other.arrival - absl::UnixEpoch()) +
                          other.tenant_work + kOwnWork * OwnWork(other) + 2 * kPrioritySeconds;
    if (absl::ToDoubleSeconds(self.arrival - absl::UnixEpoch()) < latest) {
      other.calls_ahead += calls_of(self);
    }
  }
}

// No request waits longer than all who may come before it take one after the other.
void Checker::ExpectBound(const Request& request, absl::Time now) {
  if (!knows_costs_ || options_.mode == BatchingMode::kStatic) return;
  const absl::Duration bound = options_.window + lost_ + request.calls_ahead * longest_call_;
  Expect(now <= request.arrival + bound + kTick, "nobody starves", request.rows.front());
}

}  // namespace darkroom::sim
