#include "bench/simulate/scenario.h"

#include <map>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "bench/simulate/checker.h"

namespace darkroom::sim {
namespace {

class ScenarioDrawer {
 public:
  explicit ScenarioDrawer(uint64_t seed) : random_(seed) {}

  Scenario Draw() {
    Scenario scenario;
    scenario.options = DrawOptions();
    scenario.device = DrawDevice(scenario.options);
    scenario.devices = Chance(0.2) ? Int(2, 4) : 1;
    Arrivals arrivals = {.load = Real(0.2, 2.5),
                         .burst_factor = Chance(0.3) ? 3.0 : 1.0,
                         .requests = Int(3, 40),
                         .devices = scenario.devices};
    Mix mix = DrawMix();
    if (Chance(0.02)) {  // So long and full that who is overtaken for ever is seen.
      arrivals.load = Real(1.2, 2.5);
      arrivals.requests = Int(200, 400);
      mix.steps = {{1, Int(1, 4)}};
    }
    scenario.callers =
        sim::Draw(mix, arrivals, scenario.device.times, scenario.options.max_batch_size, random_());
    AddPoison(scenario);
    return scenario;
  }

 private:
  int Int(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  double Real(double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random_);
  }
  bool Chance(double share) { return Real(0, 1) < share; }

  BatchOptions DrawOptions() {
    BatchOptions options;
    options.mode = Chance(0.15) ? BatchingMode::kStatic : BatchingMode::kContinuous;
    options.window = Chance(0.5) ? absl::ZeroDuration() : absl::Milliseconds(Int(1, 300));
    options.max_batch_size = Int(1, 12);
    if (Chance(0.3)) {
      for (int size = Int(1, 4); size < options.max_batch_size; size *= 2) {
        options.padded_sizes.push_back(size);
      }
      options.padded_sizes.push_back(options.max_batch_size);
    }
    if (Chance(0.3)) {
      options.limits = {.images = Int(1, 20),
                        .images_per_tenant = Int(1, 20),
                        .pixels = int64_t{Int(1, 20)} << 20,
                        .pixel_steps = int64_t{Int(1, 400)} << 20};
    }
    return options;
  }

  Device DrawDevice(const BatchOptions& options) {
    Device device;
    device.times = {.step_fixed = Real(0, 0.05),
                    .step_scale = Real(0.1, 2),
                    .start_fixed = Real(0, 0.02),
                    .start_row = Real(0, 0.005),
                    .finish_fixed = Real(0, 0.02),
                    .padded_sizes = options.padded_sizes};
    device.believed = device.times;
    if (Chance(0.2)) {
      device.believed.step_fixed *= Real(0.3, 3);
      device.believed.step_scale *= Real(0.3, 3);
    }
    device.jitter = Chance(0.3) ? 0.2 : 0;
    device.learns = Chance(0.2);
    if (Chance(0.15)) device.faults.memory = kLarge.area() * Int(0, 6) + kSmall.area();
    return device;
  }

  Mix DrawMix() {
    Mix mix;
    if (Chance(0.6)) mix.keys = {{Real(0, 1), kLarge}, {Real(0, 1), kMedium}, {0.1, kSmall}};
    mix.steps = {{1, Int(0, 4)}, {Real(0, 1), Int(1, 20)}, {Real(0, 0.3), Int(20, 60)}};
    if (Chance(0.5)) mix.images = {{1, 1}, {Real(0, 1), Int(2, 4)}, {Real(0, 0.3), Int(2, 16)}};
    mix.unguided = Chance(0.5) ? Real(0, 1) : 0;
    mix.high = Chance(0.4) ? Real(0, 0.5) : 0;
    mix.low = Chance(0.4) ? Real(0, 0.5) : 0;
    mix.cancelled = Chance(0.4) ? Real(0, 0.5) : 0;
    mix.deadlines = Chance(0.5) ? Real(0, 1) : 0;
    mix.least_patience = 0.5;
    mix.most_patience = Real(1, 15);
    mix.tenants = Int(1, 5);
    mix.heavy_tenant = Real(0, 1);
    return mix;
  }

  void AddPoison(Scenario& scenario) {
    if (!Chance(0.15)) return;
    Faults& faults = scenario.device.faults;
    faults.poisoned_kind = std::vector{CallKind::kStart, CallKind::kStep,
                                       CallKind::kFinish}[static_cast<size_t>(Int(0, 2))];
    for (const Caller& caller : scenario.callers) {
      for (const Row& row : caller.request.rows) {
        if (Chance(0.1)) faults.poisoned.insert(row.id);
      }
    }
  }

  std::mt19937_64 random_;
};

// Sees to it that no request's due date rises.
class DueWatcher final : public Contender {
 public:
  DueWatcher(const BatchOptions& options, const DeviceProfile& profile,
             std::vector<std::string>& violations)
      : planner_(options, profile), violations_(violations) {}

  absl::Status Submit(absl::Time now, const BatchRequest& request) override {
    const absl::Status status = planner_.Submit(now, request);
    Look();
    return status;
  }
  void Cancel(RowId request) override { planner_.Cancel(request); }
  Decision Next(absl::Time now) override { return planner_.Next(now); }
  void OnCall(CallKind kind, std::span<const RowId> rows, absl::Time now,
              absl::Duration took) override {
    planner_.OnCall(kind, rows, now, took);
    Look();
  }
  void OnOutOfMemory(CallKind kind, std::span<const RowId> rows, absl::Time now) override {
    planner_.OnOutOfMemory(kind, rows, now);
  }
  void OnEnd(RowId row, absl::Time now) override {
    planner_.OnEnd(row, now);
    Look();
  }
  absl::Duration Predict(absl::Time now, const BatchRequest& request) override {
    return planner_.Predict(now, request);
  }

 private:
  void Look() {
    for (const auto& [age, request] : planner_.rows().by_age()) {
      const double due = planner_.rows().Due(*request);
      const auto [last, is_new] = dues_.try_emplace(request->id, due);
      if (due > last->second) {
        violations_.push_back(absl::StrCat("due dates never rise (request ", request->id, ")"));
      }
      last->second = due;
    }
  }

  Planner planner_;
  std::vector<std::string>& violations_;
  std::map<RowId, double> dues_;
};

}  // namespace

Scenario DrawScenario(uint64_t seed) { return ScenarioDrawer(seed).Draw(); }

std::vector<std::string> RunScenario(uint64_t seed, std::optional<Bug> bug) {
  const Scenario scenario = DrawScenario(seed);
  DeviceProfile profile;
  if (!scenario.device.learns) {
    profile.costs = scenario.device.believed.Learned({kLarge, kMedium, kSmall},
                                                     scenario.options.max_batch_size);
  }
  std::vector<std::string> violations;
  std::vector<std::unique_ptr<Contender>> contenders;
  for (int i = 0; i < scenario.devices; ++i) {
    if (bug) {
      contenders.push_back(MakeBuggy(*bug, scenario.options, profile));
    } else {
      contenders.push_back(std::make_unique<DueWatcher>(scenario.options, profile, violations));
    }
  }
  Checker checker(scenario.options, scenario.device, !scenario.device.learns);
  Simulate(scenario.callers, scenario.device, contenders, seed, checker);
  if (checker.violations().empty()) checker.Finish();
  violations.insert(violations.end(), checker.violations().begin(), checker.violations().end());
  return violations;
}

}  // namespace darkroom::sim
