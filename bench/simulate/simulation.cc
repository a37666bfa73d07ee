#include "bench/simulate/simulation.h"

#include <queue>
#include <random>
#include <unordered_map>
#include <utility>

namespace darkroom::sim {
namespace {

using Action = Decision::Action;

struct Group {
  CallKind kind;
  std::vector<RowId> rows;
  bool is_retry = false;
};

struct DeviceState {
  std::vector<Group> to_call;  // What is left of a decision: more than one after a failure.
  bool busy = false;
  absl::Status outcome;  // Of the call under way.
  absl::Time begin;
  uint64_t alarm = 0;  // Which wake-up is the latest; others are stale.
};

struct Event {
  absl::Time time;
  uint64_t sequence;  // Events of one time happen in the order in which they were planned.
  enum { kArrival, kCancel, kFree, kWake } type;
  size_t index;  // Of the caller or the device.
  uint64_t alarm = 0;

  bool operator<(const Event& other) const {  // The top of the queue is the first.
    return std::pair(time, sequence) > std::pair(other.time, other.sequence);
  }
};

class Simulation {
 public:
  Simulation(std::span<const Caller> callers, const Device& device,
             std::span<const std::unique_ptr<Contender>> contenders, uint64_t seed,
             Watcher& watcher)
      : callers_(callers),
        device_(device),
        contenders_(contenders),
        watcher_(watcher),
        random_(seed),
        states_(contenders.size()) {}

  void Run() {
    for (const Caller& caller : callers_) {
      for (const Row& row : caller.request.rows) rows_[row.id] = {caller.request.key, row.samples};
    }
    if (!callers_.empty()) Plan(callers_[0].arrival, Event::kArrival, 0);
    while (!events_.empty() && !watcher_.HasSeenEnough()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.time;
      Handle(event);
    }
  }

 private:
  struct RowFacts {
    BatchKey key;
    int samples;
  };

  void Plan(absl::Time time, decltype(Event::type) type, size_t index, uint64_t alarm = 0) {
    events_.push({time, ++sequence_, type, index, alarm});
  }

  void Handle(const Event& event) {
    switch (event.type) {
      case Event::kArrival: return Arrive(event.index);
      case Event::kCancel: return Cancel(event.index);
      case Event::kFree: return OnFree(event.index);
      case Event::kWake:
        if (event.alarm == states_[event.index].alarm) Proceed(event.index);
        return;
    }
  }

  void Arrive(size_t index) {
    const Caller& caller = callers_[index];
    if (index + 1 < callers_.size()) Plan(callers_[index + 1].arrival, Event::kArrival, index + 1);
    const size_t device = BestDevice(caller.request);
    const absl::Status status = contenders_[device]->Submit(now_, caller.request);
    watcher_.OnSubmit(static_cast<int>(device), caller, status);
    if (!status.ok()) return;
    device_of_[IdOf(caller.request)] = device;
    if (caller.cancels != absl::InfiniteFuture()) Plan(caller.cancels, Event::kCancel, index);
    Proceed(device);
  }

  size_t BestDevice(const BatchRequest& request) const {
    size_t best = 0;
    if (contenders_.size() == 1) return best;
    absl::Duration least = absl::InfiniteDuration();
    for (size_t i = 0; i < contenders_.size(); ++i) {
      const absl::Duration predicted = contenders_[i]->Predict(now_, request);
      if (predicted < least) best = i, least = predicted;
    }
    return best;
  }

  void Cancel(size_t index) {
    const RowId request = IdOf(callers_[index].request);
    const size_t device = device_of_.at(request);
    contenders_[device]->Cancel(request);
    watcher_.OnCancel(request, now_);
    Proceed(device);
  }

  // Lets a device that is free do the next thing.
  void Proceed(size_t device) {
    DeviceState& state = states_[device];
    while (!state.busy && !watcher_.HasSeenEnough()) {
      if (!state.to_call.empty()) return BeginCall(device);
      const Decision decision = contenders_[device]->Next(now_);
      if (decision.action == Action::kWait) {
        watcher_.OnIdle(static_cast<int>(device), now_, decision.wake);
        ++state.alarm;
        if (decision.wake < absl::InfiniteFuture()) {
          Plan(decision.wake, Event::kWake, device, state.alarm);
        }
        return;
      }
      if (decision.action == Action::kDrop) {
        End(device, decision.rows, decision.reason);
        continue;
      }
      state.to_call.push_back({KindOf(decision.action), decision.rows});
    }
  }

  void BeginCall(size_t device) {
    DeviceState& state = states_[device];
    const Group& group = state.to_call.back();
    state.busy = true;
    state.begin = now_;
    state.outcome = OutcomeOf(group);
    const double factor = std::lognormal_distribution<double>(0, device_.jitter)(random_);
    const double seconds = device_.times.Of(group.kind, KeyOf(group), SizeOf(group)) *
                           (device_.jitter > 0 ? factor : 1);
    const absl::Time end = now_ + absl::Seconds(seconds);
    watcher_.OnCall(static_cast<int>(device), group.kind, group.rows, now_, group.is_retry);
    Plan(end, Event::kFree, device);
  }

  void OnFree(size_t device) {
    DeviceState& state = states_[device];
    const Group group = std::move(state.to_call.back());
    state.to_call.pop_back();
    state.busy = false;
    Contender& contender = *contenders_[device];
    watcher_.OnReturn(static_cast<int>(device), group.kind, group.rows, state.begin, now_,
                      state.outcome);
    if (watcher_.HasSeenEnough()) return;
    if (state.outcome.ok()) {
      const double believed = device_.believed.Of(group.kind, KeyOf(group), SizeOf(group));
      contender.OnCall(group.kind, group.rows, now_,
                       device_.learns ? now_ - state.begin : absl::Seconds(believed));
      if (group.kind == CallKind::kFinish) End(device, group.rows, absl::OkStatus());
    } else {
      if (absl::IsResourceExhausted(state.outcome)) {
        contender.OnOutOfMemory(group.kind, group.rows, now_);
      }
      Split(device, group);
    }
    Proceed(device);
  }

  // As the batcher does: halves are tried again, a row that fails alone ends.
  void Split(size_t device, const Group& group) {
    DeviceState& state = states_[device];
    if (group.rows.size() == 1) return End(device, group.rows, state.outcome);
    const auto middle = group.rows.begin() + static_cast<std::ptrdiff_t>(group.rows.size() / 2);
    state.to_call.push_back({group.kind, {middle, group.rows.end()}, /*is_retry=*/true});
    state.to_call.push_back({group.kind, {group.rows.begin(), middle}, /*is_retry=*/true});
  }

  void End(size_t device, const std::vector<RowId>& rows, const absl::Status& status) {
    for (const RowId row : rows) {
      watcher_.OnEnd(static_cast<int>(device), row, now_, status);
      if (watcher_.HasSeenEnough()) return;
      contenders_[device]->OnEnd(row, now_);
    }
  }

  absl::Status OutcomeOf(const Group& group) const {
    const Faults& faults = device_.faults;
    if (static_cast<int64_t>(group.rows.size()) * KeyOf(group).area() > faults.memory) {
      return absl::ResourceExhaustedError("out of memory");
    }
    for (const RowId row : group.rows) {
      if (group.kind == faults.poisoned_kind && faults.poisoned.contains(row)) {
        return absl::InternalError("poisoned");
      }
    }
    return absl::OkStatus();
  }

  const BatchKey& KeyOf(const Group& group) const { return rows_.at(group.rows.front()).key; }

  int SizeOf(const Group& group) const {
    if (group.kind != CallKind::kStep) return static_cast<int>(group.rows.size());
    int samples = 0;
    for (const RowId row : group.rows) samples += rows_.at(row).samples;
    return samples;
  }

  const std::span<const Caller> callers_;
  const Device& device_;
  const std::span<const std::unique_ptr<Contender>> contenders_;
  Watcher& watcher_;
  std::mt19937_64 random_;
  std::vector<DeviceState> states_;
  std::unordered_map<RowId, RowFacts> rows_;
  std::unordered_map<RowId, size_t> device_of_;  // By request.
  std::priority_queue<Event> events_;
  uint64_t sequence_ = 0;
  absl::Time now_ = absl::UnixEpoch();
};

}  // namespace

void Simulate(std::span<const Caller> callers, const Device& device,
              std::span<const std::unique_ptr<Contender>> contenders, uint64_t seed,
              Watcher& watcher) {
  Simulation(callers, device, contenders, seed, watcher).Run();
}

}  // namespace darkroom::sim
