#include "model/sampling/timesteps.h"

#include <cmath>

namespace darkroom {
namespace {

std::vector<double> Trailing(int64_t train, int steps) {
  const double ratio = static_cast<double>(train) / steps;
  const auto length = static_cast<int64_t>(std::ceil(static_cast<double>(-train) / -ratio));
  std::vector<double> timesteps;
  for (int64_t i = 0; i < length; ++i) {
    timesteps.push_back(
        std::nearbyint(static_cast<double>(train) - static_cast<double>(i) * ratio) - 1);
  }
  return timesteps;
}

std::vector<double> Leading(int64_t ratio, int64_t count, int64_t offset) {
  std::vector<double> timesteps;
  for (int64_t i = count - 1; i >= 0; --i)
    timesteps.push_back(static_cast<double>(i * ratio + offset));
  return timesteps;
}

// numpy's linspace(0, last, count), from its end.
std::vector<double> Linspace(double last, int count) {
  std::vector<double> timesteps;
  for (int i = count - 1; i > 0; --i) {
    timesteps.push_back(i == count - 1 ? last : i * (last / (count - 1)));
  }
  timesteps.push_back(0);
  return timesteps;
}

}  // namespace

std::vector<double> SpreadTimesteps(TimestepSpacing spacing, int steps, int64_t train,
                                    int64_t offset) {
  switch (spacing) {
    case TimestepSpacing::kLeading: return Leading(train / steps, steps, offset);
    case TimestepSpacing::kTrailing: return Trailing(train, steps);
    case TimestepSpacing::kLinspace: return Linspace(static_cast<double>(train - 1), steps);
  }
  return {};
}

std::vector<double> SpreadMultistepTimesteps(TimestepSpacing spacing, int steps, int64_t train,
                                             int64_t offset) {
  if (spacing == TimestepSpacing::kTrailing) return Trailing(train, steps);
  std::vector<double> timesteps = spacing == TimestepSpacing::kLeading
                                      ? Leading(train / (steps + 1), steps + 1, offset)
                                      : Linspace(static_cast<double>(train - 1), steps + 1);
  timesteps.pop_back();
  for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
  return timesteps;
}

}  // namespace darkroom
