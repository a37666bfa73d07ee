#include "model/sampling/pass_range.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace darkroom {
namespace {

bool IsInside(double share) { return share > 0 && share < 1; }

// The timestep at that share of the schedule, rounded as Python does.
double TimestepAt(double share, int64_t train_timesteps) {
  const auto train = static_cast<double>(train_timesteps);
  return std::nearbyint(train - share * train);
}

size_t Begin(const ImageRequest& request, const Sampler& sampler, int64_t train_timesteps) {
  if (request.init_image == nullptr) return 0;
  const std::vector<double>& timesteps = sampler.timesteps();
  if (request.denoising_start && IsInside(*request.denoising_start)) {
    const double cutoff = TimestepAt(*request.denoising_start, train_timesteps);
    const auto left = static_cast<size_t>(std::count_if(
        timesteps.begin(), timesteps.end(), [&](double timestep) { return timestep < cutoff; }));
    // Never between the two passes of one step.
    const bool halves_step = sampler.order() == 2 && left % 2 == 0;
    return timesteps.size() - left - (halves_step ? 1 : 0);
  }
  const int kept = std::min(static_cast<int>(request.steps * request.strength), request.steps);
  return static_cast<size_t>((request.steps - kept) * sampler.order());
}

}  // namespace

PassRange PassesOf(const ImageRequest& request, const Sampler& sampler, int64_t train_timesteps) {
  const std::vector<double>& timesteps = sampler.timesteps();
  PassRange range{Begin(request, sampler, train_timesteps), timesteps.size()};
  if (IsInside(request.denoising_end)) {
    const double cutoff = TimestepAt(request.denoising_end, train_timesteps);
    range.end = static_cast<size_t>(std::count_if(
        timesteps.begin(), timesteps.end(), [&](double timestep) { return timestep >= cutoff; }));
  }
  range.end = std::max(range.begin, range.end);
  return range;
}

}  // namespace darkroom
