#ifndef DARKROOM_BENCH_SIMULATE_ACCEPTANCE_H_
#define DARKROOM_BENCH_SIMULATE_ACCEPTANCE_H_

#include <functional>
#include <string>

namespace darkroom::sim {

// One figure that Darkroom's batching must reach, mostly as a ratio to run-to-completion with the
// same arrivals.
struct AcceptanceLine {
  std::string name;
  double figure = 0;
  double bound = 0;
  bool at_most = true;  // Else at least.

  bool holds() const { return at_most ? figure <= bound : figure >= bound; }
};

// Runs every contest, 3 seeds of so many requests a point, and reports each line as it is known.
// The bounds are meant for 20,000.
void RunAcceptance(int requests, const std::function<void(const AcceptanceLine&)>& report);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_ACCEPTANCE_H_
