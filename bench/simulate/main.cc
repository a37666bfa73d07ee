// Simulates the batcher against the usual ways to batch. See --help.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/simulate/acceptance.h"
#include "bench/simulate/scenario.h"
#include "bench/simulate/sweep.h"

namespace darkroom::sim {
namespace {

// The exit code, after the error if there is one.
int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 2;
}

// What sweeps and traces have in common.
void AddContest(CLI::App& app, SweepOptions& options) {
  Contest& contest = options.contest;
  app.add_option("--mix", options.mixes, "See workload.h")->check(CLI::IsMember(MixesByName()));
  app.add_option("--load", options.loads, "1: what full batches can do")
      ->check(CLI::PositiveNumber);
  app.add_option("--policy", options.policies, "fifo, run-to-completion, greedy, darkroom")
      ->check(CLI::IsMember(PoliciesByName()));
  app.add_option("--requests", contest.arrivals.requests, "Of a seed")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--devices", contest.arrivals.devices, "Alike, sharing the callers")
      ->check(CLI::Range(1, 1000));
  app.add_option("--burst", contest.arrivals.burst_factor, "Rate in bursts of 10 s")
      ->check(CLI::Range(1.0, 4.9));
  app.add_option("--deadline", options.deadline, "Seconds, for every caller")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--jitter", contest.jitter, "Of the times of calls")->check(CLI::Range(0.0, 1.0));
  app.add_flag("--learn", contest.learns, "Begin without knowing the times");
  app.add_option("--times", options.times, "File of measured times, as call_times writes it")
      ->check(CLI::ExistingFile);
  app.add_option("--max-batch-size", contest.max_batch_size, "Rows in a pass")
      ->check(CLI::Range(1, 1024));
  app.add_option("--window", options.window, "Seconds that an idle device waits for company")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--padded-sizes", options.padded_sizes, "Rows that passes are padded to");
  app.add_option("--poisoned", contest.poisoned, "Share of rows that fail every pass")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--memory", options.memory, "Rows of 1024 pixels a side that fit a call");
}

int Accept(int requests) {
  int broken = 0;
  RunAcceptance(requests, [&](const AcceptanceLine& line) {
    std::printf("%-6s %-72s %6.3f %s %.2f\n", line.holds() ? "holds" : "BROKEN", line.name.c_str(),
                line.figure, line.at_most ? "<=" : ">=", line.bound);
    std::fflush(stdout);
    broken += !line.holds();
  });
  std::printf("%d broken\n", broken);
  return broken == 0 ? 0 : 1;
}

int Scenarios(uint64_t first, int count) {
  for (uint64_t seed = first; seed < first + static_cast<uint64_t>(count); ++seed) {
    const std::vector<std::string> violations = RunScenario(seed);
    if (violations.empty()) continue;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), violations[0].c_str());
    return 1;
  }
  std::printf("%d scenarios from seed %llu, every promise kept\n", count,
              static_cast<unsigned long long>(first));
  return 0;
}

}  // namespace
}  // namespace darkroom::sim

int main(int argc, char** argv) {
  using namespace darkroom::sim;
  CLI::App app("Darkroom's batcher in virtual time, against the usual ways to batch.", "simulate");
  app.require_subcommand(1);

  SweepOptions sweep;
  CLI::App* sweep_app = app.add_subcommand("sweep", "Latency and goodput by load and policy");
  AddContest(*sweep_app, sweep);
  sweep_app->add_option("--seeds", sweep.contest.seeds, "Runs of a point")
      ->check(CLI::Range(1, 1000));
  std::string points;
  sweep_app->add_option("--json", points, "File for the points, a line each");

  SweepOptions trace = {.loads = {0.8}, .policies = {"darkroom"}};
  trace.contest.arrivals.requests = 20;
  uint64_t seed = 1;
  std::string calls;
  CLI::App* trace_app = app.add_subcommand("trace", "What the device does, call by call");
  AddContest(*trace_app, trace);
  trace_app->add_option("--seed", seed, "Of the callers");
  trace_app->add_option("--json", calls, "File for the calls, a line each")->required();

  int requests = 20'000;
  CLI::App* accept_app = app.add_subcommand("accept", "What the batcher must reach, line by line");
  accept_app->add_option("--requests", requests, "Of a seed; the bounds are meant for 20000");

  uint64_t first = 1;
  int count = 100'000;
  CLI::App* scenarios_app = app.add_subcommand("scenarios", "Drawn worlds, every promise checked");
  scenarios_app->add_option("--first", first, "Seed");
  scenarios_app->add_option("--count", count, "Seeds from there on");

  CLI11_PARSE(app, argc, argv);
  if (sweep_app->parsed()) return ExitCode(Sweep(sweep, points));
  if (trace_app->parsed()) return ExitCode(Trace(trace, seed, calls));
  if (accept_app->parsed()) return Accept(requests);
  return Scenarios(first, count);
}
