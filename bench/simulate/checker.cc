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
constexpr absl::Duration kTrust = absl::Seconds(30);  // In times that were learned.

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
  DeviceState& state = devices_[device];
  state.just_started.clear();
  Request& request = requests_[id];
  request = {.request = caller.request, .device = device, .arrival = caller.arrival};
  const BatchKey& key = caller.request.key;
  const auto last = state.last_calls.find(key.area());
  request.may_be_probe = last == state.last_calls.end() || caller.arrival - last->second > kTrust;
  for (const RowState* row : Present(device)) {
    if (row->request->request.tenant == caller.request.tenant) request.tenant_work += Solo(*row);
    if (row->request->request.key == key) request.may_be_probe = false;
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
  struct Count {
    int64_t images = 0, of_tenant = 0, pixels = 0, pixel_steps = 0;
  };
  const auto add = [&](Count& count, const BatchRequest& request, int64_t rows, int64_t steps) {
    count.images += rows;
    count.of_tenant += request.tenant == caller.request.tenant ? rows : 0;
    count.pixels += rows * request.pixels;
    count.pixel_steps += steps * request.pixels;
  };
  const auto fits = [&](const Count& count) {
    const QueueLimits& limits = options_.limits;
    return count.images <= limits.images && count.of_tenant <= limits.images_per_tenant &&
           count.pixels <= limits.pixels && count.pixel_steps <= limits.pixel_steps;
  };
  int64_t steps = 0;
  for (const Row& row : caller.request.rows) steps += row.steps;
  Count alone;
  add(alone, caller.request, static_cast<int64_t>(caller.request.rows.size()), steps);
  Count all = alone;
  int64_t started = 0;
  for (const RowState* row : Present(device)) {
    started += row->started;
    if (!row->started) add(all, row->request->request, 1, row->steps_left);
  }
  all.images += std::max<int64_t>(started - options_.max_batch_size, 0);
  const RowId id = caller.request.rows.front().id;
  Expect(fits(alone) == !absl::IsInvalidArgument(status), "what never fits is not asked again", id);
  Expect(!fits(alone) || fits(all) == !absl::IsResourceExhausted(status),
         "the queue's bounds are kept, and used", id);
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
  if (found == requests_.end()) return;
  found->second.cancelled = true;
  devices_[found->second.device].just_started.clear();
}

void Checker::OnCall(int device, CallKind kind, std::span<const RowId> rows, absl::Time now,
                     bool is_retry) {
  Expect(!devices_[device].busy, "a device does one thing at a time", rows.front());
  devices_[device].busy = true;
  ExpectCallable(device, kind, rows, is_retry);
  if (!violations_.empty()) return;
  if (!is_retry) {
    ExpectInTime(rows, now);
    if (kind == CallKind::kStart) ExpectStart(device, rows);
    if (kind == CallKind::kStep) ExpectStep(device, rows);
  }
  for (const RowId id : rows) rows_[id].started = true;
}

void Checker::ExpectCallable(int device, CallKind kind, std::span<const RowId> rows,
                             bool is_retry) {
  const RowId first = rows.front();
  Expect(rows.size() <= static_cast<size_t>(options_.max_batch_size),
         "no call has more rows than the largest batch", first);
  for (const RowId id : rows) {
    RowState& row = rows_[id];
    Expect(present_.contains(id) && row.request->device == device,
           "a call has rows of its device that are not answered", id);
    if (!present_.contains(id)) return;
    Expect(!row.in_call, "no row is in two calls, or twice in one", id);
    row.in_call = true;
    Expect(row.request->request.key == rows_[first].request->request.key, "keys never mix", id);
    Expect(is_retry || !row.request->cancelled, "a cancelled row is in no call any more", id);
    Expect(is_retry || kind != CallKind::kStart || !row.started, "a row starts once", id);
    Expect(kind == CallKind::kStart || row.prepared, "a row starts first", id);
    Expect(kind != CallKind::kStep || row.steps_left > 0, "no row has a step too many", id);
    Expect(kind != CallKind::kFinish || row.steps_left == 0, "no row lacks a step", id);
  }
}

// Who cannot be in time any more, even alone, has left.
void Checker::ExpectInTime(std::span<const RowId> rows, absl::Time now) {
  if (!knows_costs_) return;
  for (const RowId id : rows) {
    const Request& request = *rows_[id].request;
    if (request.may_be_probe) continue;
    Expect(now + absl::Seconds(Solo(rows_[id])) <= request.request.deadline + kTick,
           "no call has a row that is late", id);
  }
}

void Checker::ExpectStart(int device, std::span<const RowId> rows) {
  devices_[device].just_started.assign(rows.begin(), rows.end());
  if (options_.mode == BatchingMode::kStatic) {
    for (const RowState* row : Present(device)) {
      // A first call that memory has no room for comes in parts.
      Expect(!row->started || device_.faults.memory < INT64_MAX, "nobody joins a static batch",
             rows.front());
    }
  }
  ExpectPrefix(device, rows, /*of_waiting=*/true);
}

// What is finished was decoded first, and nobody was started for nothing.
void Checker::ExpectStep(int device, std::span<const RowId> rows) {
  for (const RowState* row : Present(device)) {
    Expect(!row->prepared || row->steps_left > 0, "finished rows are decoded first", row->id);
  }
  std::vector<RowId>& just_started = devices_[device].just_started;
  // A start makes requests due a little earlier, so that now and then one of several is left out.
  const bool some_are_in = std::any_of(just_started.begin(), just_started.end(), [&](RowId id) {
    return rows_[id].steps_left == 0 || std::find(rows.begin(), rows.end(), id) != rows.end();
  });
  Expect(some_are_in || just_started.empty() || !knows_costs_, "who starts is in the next pass",
         rows.front());
  just_started.clear();
  if (options_.mode == BatchingMode::kStatic) {
    for (const RowState* row : Present(device)) {
      const bool is_in = std::find(rows.begin(), rows.end(), row->id) != rows.end();
      Expect(is_in || !row->started || device_.faults.memory < INT64_MAX,
             "a static batch runs to completion together", row->id);
    }
  } else {
    ExpectPrefix(device, rows, /*of_waiting=*/false);
  }
}

// The row that is due first of all names the key, and nobody of the key is skipped: of those that
// wait for their first call, or of all.
void Checker::ExpectPrefix(int device, std::span<const RowId> rows, bool of_waiting) {
  if (!knows_costs_ && options_.mode == BatchingMode::kContinuous) return;
  double first = Due(*rows_[rows.front()].request);
  double last = first;
  for (const RowId id : rows) {
    first = std::min(first, Due(*rows_[id].request));
    last = std::max(last, Due(*rows_[id].request));
  }
  const BatchKey key = rows_[rows.front()].request->request.key;
  for (const RowState* row : Present(device)) {
    if (std::find(rows.begin(), rows.end(), row->id) != rows.end()) continue;
    const bool same_key = row->request->request.key == key;
    if (of_waiting && (row->started || !same_key)) continue;
    Expect(Due(*row->request) >= (same_key ? last : first) - kRounding,
           "a pass is a prefix of the order", row->id);
  }
}

void Checker::OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                       absl::Time now, const absl::Status& status) {
  DeviceState& state = devices_[device];
  state.busy = false;
  if (status.ok()) state.idle_since = now;
  longest_call_ = std::max(longest_call_, now - begin);
  if (!status.ok()) lost_ += now - begin;
  for (const RowId id : rows) {
    RowState& row = rows_[id];
    row.in_call = false;
    if (!status.ok()) continue;
    state.last_calls[row.request->request.key.area()] = now;
    row.prepared = true;
    row.steps_left -= kind == CallKind::kStep;
    row.decoded = kind == CallKind::kFinish;
  }
}

void Checker::OnIdle(int device, absl::Time now, absl::Time wake) {
  Expect(!devices_[device].busy, "a busy device is not idle", 0);
  for (const RowState* row : Present(device)) {
    Expect(wake > now, "waiting ends", row->id);
    Expect(!row->started, "a device that has started rows goes on", row->id);
    Expect(row->request->arrival >= devices_[device].idle_since,
           "who came while the device was busy waits for no company", row->id);
    Expect(wake <= row->request->arrival + options_.window + kTick,
           "no device is idle longer than a window while a row waits", row->id);
  }
}

void Checker::OnEnd(int device, RowId id, absl::Time now, const absl::Status& status) {
  const auto found = rows_.find(id);
  Expect(found != rows_.end(), "only accepted rows are answered", id);
  if (found == rows_.end()) return;
  devices_[device].just_started.clear();
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

double Checker::PrioritySeconds(const BatchRequest& request) {
  if (request.priority == Priority::kNormal) return 0;
  return request.priority == Priority::kHigh ? -kPrioritySeconds : kPrioritySeconds;
}

// Static batches go by arrival and priority alone.
double Checker::Due(const Request& request) const {
  double due =
      absl::ToDoubleSeconds(request.arrival - absl::UnixEpoch()) + PrioritySeconds(request.request);
  if (options_.mode == BatchingMode::kStatic) return due;
  return due + request.tenant_work + kOwnWork * OwnWork(request);
}

// Counts the calls of all that may come before a request: those who are here when it comes, and
// those who come while one of their priority could still be due first, with no work at all.
void Checker::CountAhead(const Request& arrived) {
  // Beside each of its steps, others in the pass may begin or end; in parts where memory is short.
  const int64_t parts = device_.faults.memory < INT64_MAX ? options_.max_batch_size : 1;
  const auto calls_of = [parts](const Request& request) {
    int64_t calls = 0;
    for (const Row& row : request.request.rows) calls += (3 * row.steps + 2) * parts;
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
    const double earliest =
        absl::ToDoubleSeconds(self.arrival - absl::UnixEpoch()) + PrioritySeconds(self.request);
    if (earliest < Due(other)) {
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
