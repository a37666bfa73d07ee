// What the batcher itself costs, with a device that takes no time: one decision by the rows in the
// house, the way of a lone row from Submit to the device, and rows a second. Medians of
// repetitions; `taskset 1` keeps it all on one core.

#include <benchmark/benchmark.h>

#include "absl/synchronization/mutex.h"
#include "batcher/batcher.h"
#include "tests/support/null_observer.h"

namespace darkroom {
namespace {

constexpr BatchKey kKeys[] = {{128, 128}, {96, 96}, {64, 64}};
constexpr int kSteps = 20;

BatchOptions LargeQueue() {
  return {.window = absl::ZeroDuration(),
          .limits = {.images = 1 << 20,
                     .images_per_tenant = 1 << 20,
                     .pixels = INT64_MAX,
                     .pixel_steps = INT64_MAX}};
}

// Costs of a large GPU: 10 ms a pass and 13 ms a sample of 1024 pixels a side.
DeviceProfile Profile() {
  DeviceProfile profile;
  for (const BatchKey& key : kKeys) {
    const double sample =
        0.013 * static_cast<double>(key.area()) / static_cast<double>(kKeys[0].area());
    for (const int samples : {2, 16}) {
      profile.costs.Observe(CallKind::kStep, key, samples, 0.010 + sample * samples);
    }
    profile.costs.Observe(CallKind::kStart, key, 1, 0.005);
    profile.costs.Observe(CallKind::kFinish, key, 1, 0.045);
  }
  return profile;
}

BatchRequest MakeRequest(RowId id) {
  return {.rows = {{.id = id, .steps = kSteps}},
          .key = kKeys[id % std::size(kKeys)],
          .pixels = 1 << 20,
          .tenant = std::to_string(id % 10)};
}

// A house with rows of ten tenants, half of them with deadlines.
Planner MakeHouse(benchmark::State& state, absl::Duration window, bool own_sizes, absl::Time now) {
  BatchOptions options = LargeQueue();
  options.window = window;
  Planner planner(options, Profile());
  for (RowId id = 1; id <= static_cast<RowId>(state.range(0)); ++id) {
    BatchRequest request = MakeRequest(id);
    if (own_sizes) request.key.width += static_cast<int>(id);
    if (id % 2 == 0) request.deadline = now + absl::Hours(1);
    if (!planner.Submit(now, request).ok()) state.SkipWithError("refused");
  }
  return planner;
}

// One decision at a step boundary, with a batch under way.
void BM_Decision(benchmark::State& state) {
  const absl::Time now = absl::UnixEpoch();
  Planner planner = MakeHouse(state, absl::ZeroDuration(), /*own_sizes=*/false, now);
  Decision decision;
  while (decision.action != Decision::Action::kStep) decision = planner.Next(now);
  for (auto _ : state) benchmark::DoNotOptimize(planner.Next(now));
}
BENCHMARK(BM_Decision)->Arg(8)->Arg(64)->Arg(256)->Arg(1024);

// One decision to wait for company, with the window open and every row of a size of its own.
void BM_IdleDecision(benchmark::State& state) {
  const absl::Time now = absl::UnixEpoch();
  Planner planner = MakeHouse(state, absl::Seconds(1), /*own_sizes=*/true, now);
  for (auto _ : state) benchmark::DoNotOptimize(planner.Next(now));
}
BENCHMARK(BM_IdleDecision)->Arg(8)->Arg(64)->Arg(256)->Arg(1024);

// Notes when a row reached it, and how many have ended.
class InstantEngine final : public Engine {
 public:
  absl::Status Start(std::span<const RowId>) override {
    started_ = SteadyClock().TimeNow();
    return absl::OkStatus();
  }
  absl::Status Step(std::span<const RowId>) override { return absl::OkStatus(); }
  absl::Status Finish(std::span<const RowId>) override { return absl::OkStatus(); }
  void End(RowId, const absl::Status&) override {
    absl::MutexLock lock(&mu_);
    ++ended_;
  }

  // Waits for so many ends since the last call; when the last row reached the engine.
  absl::Time AwaitEnds(int64_t count) {
    absl::MutexLock lock(&mu_);
    const auto have_ended = [&] { return ended_ == count; };
    mu_.Await(absl::Condition(&have_ended));
    ended_ = 0;
    return started_;
  }

 private:
  absl::Mutex mu_;
  absl::Time started_;
  int64_t ended_ = 0;
};

// A lone row's way to an idle device, whose thread has to be woken. One row a repetition, so that
// the median is one over rows.
void BM_SubmitToHandOver(benchmark::State& state) {
  static NullObserver observer;
  static InstantEngine engine;
  static Batcher batcher(LargeQueue(), Profile(), SteadyClock(), engine, observer);
  static RowId id = 0;
  for (auto _ : state) {
    BatchRequest request = MakeRequest(++id);
    const absl::Time begin = SteadyClock().TimeNow();
    if (!batcher.Submit(request).ok()) state.SkipWithError("refused");
    state.SetIterationTime(absl::ToDoubleSeconds(engine.AwaitEnds(1) - begin));
  }
}
BENCHMARK(BM_SubmitToHandOver)
    ->Iterations(1)
    ->Repetitions(10'001)
    ->UseManualTime()
    ->ReportAggregatesOnly()
    ->Unit(benchmark::kMicrosecond);

// Rows of one step, from Submit to End.
void BM_Rows(benchmark::State& state) {
  constexpr int64_t kRows = 10'000;
  NullObserver observer;
  InstantEngine engine;
  Batcher batcher(LargeQueue(), Profile(), SteadyClock(), engine, observer);
  RowId id = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < kRows; ++i) {
      BatchRequest request = MakeRequest(++id);
      request.rows[0].steps = 1;
      if (!batcher.Submit(request).ok()) state.SkipWithError("refused");
    }
    engine.AwaitEnds(kRows);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_Rows)->UseRealTime()->Repetitions(9)->ReportAggregatesOnly();

}  // namespace
}  // namespace darkroom

BENCHMARK_MAIN();
