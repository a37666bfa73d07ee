#include "bench/simulate/contest.h"

#include <memory>

#include "bench/simulate/baseline.h"

namespace darkroom::sim {
namespace {

constexpr int kMaxBatchSize = 8;

std::unique_ptr<Contender> MakePlanner(const Contest& contest) {
  BatchOptions options = {.window = absl::ZeroDuration(), .max_batch_size = kMaxBatchSize};
  options.padded_sizes = contest.times.padded_sizes;
  options.limits = {.images = contest.max_queued,
                    .images_per_tenant = contest.max_queued,
                    .pixels = INT64_MAX,
                    .pixel_steps = INT64_MAX};
  DeviceProfile profile;
  if (!contest.learns) {
    profile.costs = contest.believed.Learned({kLarge, kMedium, kSmall}, kMaxBatchSize);
  }
  return std::make_unique<PlannerContender>(options, profile);
}

std::unique_ptr<Contender> MakeContender(const Contest& contest, Policy policy) {
  if (policy == Policy::kDarkroom) return MakePlanner(contest);
  return std::make_unique<Baseline>(
      BaselineRule{.max_batch_size = policy == Policy::kFifo ? 1 : kMaxBatchSize,
                   .joins = policy == Policy::kGreedy,
                   .drops = contest.drops,
                   .max_queued = static_cast<size_t>(contest.max_queued)},
      contest.times);
}

}  // namespace

FigureWatcher Run(const Contest& contest, Policy policy) {
  FigureWatcher watcher;
  const Device device = {.times = contest.times,
                         .believed = contest.believed,
                         .jitter = contest.jitter,
                         .learns = contest.learns};
  for (uint64_t seed = 1; seed <= static_cast<uint64_t>(contest.seeds); ++seed) {
    const std::vector<Caller> callers =
        Draw(contest.mix, contest.arrivals, contest.times, kMaxBatchSize, seed);
    std::vector<std::unique_ptr<Contender>> contenders;
    for (int i = 0; i < contest.arrivals.devices; ++i) {
      contenders.push_back(MakeContender(contest, policy));
    }
    watcher.Begin(callers);
    Simulate(callers, device, contenders, seed, watcher);
  }
  return watcher;
}

}  // namespace darkroom::sim
