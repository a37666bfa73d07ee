#include "client/cli/bench/axis.h"

#include <cmath>

namespace darkroom {
namespace {

constexpr int kMaxSteps = 5;

// The least of 1, 2 and 5 times a power of ten of which `kMaxSteps` reach `most`.
double Step(double most) {
  double power = std::pow(10, std::floor(std::log10(most / kMaxSteps)));
  for (;; power *= 10) {
    for (double factor : {1.0, 2.0, 5.0}) {
      if (factor * power * kMaxSteps >= most * (1 - 1e-9)) return factor * power;
    }
  }
}

}  // namespace

Axis::Axis(double most, double first, double last) : first_(first), last_(last) {
  if (!(most > 0) || !std::isfinite(most)) most = 1;
  const double step = Step(most);
  const double steps = std::ceil(most / step - 1e-9);
  end_ = steps * step;
  for (int i = 0; i <= steps; ++i) ticks_.push_back(i * step);
}

}  // namespace darkroom
