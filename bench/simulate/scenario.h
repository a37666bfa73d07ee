#ifndef DARKROOM_BENCH_SIMULATE_SCENARIO_H_
#define DARKROOM_BENCH_SIMULATE_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/simulate/planted_bugs.h"
#include "bench/simulate/simulation.h"

namespace darkroom::sim {

// A small world drawn from a seed: devices with times and faults, options, and callers with
// deadlines, priorities, tenants and second thoughts.
struct Scenario {
  BatchOptions options;
  Device device;
  int devices = 1;
  std::vector<Caller> callers;
};

Scenario DrawScenario(uint64_t seed);

// Runs Darkroom's batcher, with the bug if so wanted, through the scenario of the seed; the first
// promises that it breaks.
std::vector<std::string> RunScenario(uint64_t seed, std::optional<Bug> bug = std::nullopt);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_SCENARIO_H_
