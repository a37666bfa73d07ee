#include "bench/simulate/contest.h"

#include <memory>
#include <random>

#include "bench/simulate/baseline.h"

namespace darkroom::sim {
namespace {

BaselineRule RuleOf(const Contest& contest, Policy policy) {
  return {.max_batch_size = policy == Policy::kFifo ? 1 : contest.max_batch_size,
          .joins = policy == Policy::kGreedy,
          .drops = contest.drops,
          .max_queued = static_cast<size_t>(contest.max_queued)};
}

// One for each device.
std::vector<std::unique_ptr<Contender>> MakeContenders(const Contest& contest, Policy policy) {
  DeviceProfile profile;
  if (!contest.learns) {
    profile.costs = contest.believed.Learned({kLarge, kMedium, kSmall}, contest.max_batch_size);
  }
  std::vector<std::unique_ptr<Contender>> contenders;
  for (int i = 0; i < contest.arrivals.devices; ++i) {
    if (policy == Policy::kDarkroom) {
      contenders.push_back(std::make_unique<PlannerContender>(OptionsOf(contest), profile));
    } else {
      contenders.push_back(std::make_unique<Baseline>(RuleOf(contest, policy), contest.times));
    }
  }
  return contenders;
}

Faults DrawFaults(const Contest& contest, std::span<const Caller> callers, uint64_t seed) {
  Faults faults = {.memory = contest.memory};
  std::mt19937_64 random(seed);
  std::bernoulli_distribution poisoned(contest.poisoned);
  for (const Caller& caller : callers) {
    for (const Row& row : caller.request.rows) {
      if (poisoned(random)) faults.poisoned.insert(row.id);
    }
  }
  return faults;
}

}  // namespace

BatchOptions OptionsOf(const Contest& contest) {
  BatchOptions options = {.window = contest.window, .max_batch_size = contest.max_batch_size};
  options.padded_sizes = contest.times.padded_sizes;
  options.limits = {.images = contest.max_queued,
                    .images_per_tenant = contest.max_queued * 3 / 4,
                    .pixels = INT64_MAX,
                    .pixel_steps = INT64_MAX};
  return options;
}

std::vector<Caller> CallersOf(const Contest& contest, uint64_t seed) {
  return Draw(contest.mix, contest.arrivals, contest.times, contest.max_batch_size, seed);
}

void Run(const Contest& contest, Policy policy, uint64_t seed, std::span<const Caller> callers,
         Watcher& watcher) {
  const Device device = {.times = contest.times,
                         .believed = contest.believed,
                         .jitter = contest.jitter,
                         .learns = contest.learns,
                         .faults = DrawFaults(contest, callers, seed)};
  Simulate(callers, device, MakeContenders(contest, policy), seed, watcher);
}

FigureWatcher Run(const Contest& contest, Policy policy) {
  FigureWatcher watcher;
  for (uint64_t seed = 1; seed <= static_cast<uint64_t>(contest.seeds); ++seed) {
    const std::vector<Caller> callers = CallersOf(contest, seed);
    watcher.Begin(callers);
    Run(contest, policy, seed, callers, watcher);
  }
  return watcher;
}

}  // namespace darkroom::sim
