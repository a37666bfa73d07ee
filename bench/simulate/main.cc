// Simulates the batcher against the usual ways to batch. See --help.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/simulate/acceptance.h"
#include "bench/simulate/contest.h"
#include "bench/simulate/scenario.h"

namespace darkroom::sim {
namespace {

const std::map<std::string, Policy> kPolicies = {{"fifo", Policy::kFifo},
                                                 {"run-to-completion", Policy::kRunToCompletion},
                                                 {"greedy", Policy::kGreedy},
                                                 {"darkroom", Policy::kDarkroom}};

struct SweepOptions {
  std::vector<std::string> mixes = {"A"};
  std::vector<double> loads = {0.3, 0.5, 0.7, 0.8, 0.9};
  std::vector<std::string> policies = {"run-to-completion", "greedy", "darkroom"};
  std::vector<int> padded_sizes;
  double deadline = 0;  // Seconds; 0: the mix's own.
  std::string json;
  Contest contest;
};

// One line of JSON for each point, beside the table.
int Sweep(SweepOptions& options) {
  std::FILE* json = options.json.empty() ? nullptr : std::fopen(options.json.c_str(), "w");
  std::printf("%-6s %5s %-18s %8s %8s %8s %9s %8s %8s %6s\n", "mix", "load", "policy", "p50 s",
              "p99 s", "p99.9 s", "slowdown", "goodput", "misses", "batch");
  for (const std::string& mix : options.mixes) {
    for (const double load : options.loads) {
      Contest contest = options.contest;
      contest.mix = MixNamed(mix);
      contest.mix.patience = absl::Seconds(options.deadline);
      contest.arrivals.load = load;
      contest.times.padded_sizes = options.padded_sizes;
      contest.believed = contest.times;
      contest.drops = mix == "D" || mix == "flood" || options.deadline > 0;
      if (contest.drops) contest.max_queued = 256;
      for (const std::string& policy : options.policies) {
        const Figures f = Run(contest, kPolicies.at(policy)).Summary();
        std::printf("%-6s %5.2f %-18s %8.2f %8.2f %8.2f %9.2f %8.3f %8.3f %6.2f\n", mix.c_str(),
                    load, policy.c_str(), f.p50, f.p99, f.p999, f.mean_slowdown, f.goodput,
                    f.misses, f.mean_batch);
        std::fflush(stdout);
        if (json == nullptr) continue;
        const nlohmann::json point = {{"mix", mix},
                                      {"load", load},
                                      {"policy", policy},
                                      {"p50", f.p50},
                                      {"p99", f.p99},
                                      {"p999", f.p999},
                                      {"slowdown", f.mean_slowdown},
                                      {"goodput", f.goodput},
                                      {"misses", f.misses},
                                      {"batch", f.mean_batch},
                                      {"busy", f.busy}};
        std::fprintf(json, "%s\n", point.dump().c_str());
      }
    }
  }
  if (json != nullptr) std::fclose(json);
  return 0;
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
  Contest& contest = sweep.contest;
  sweep_app->add_option("--mix", sweep.mixes, "A, A512, B, C, BC, M, H, D, flood");
  sweep_app->add_option("--load", sweep.loads, "1: what full batches can do");
  sweep_app->add_option("--policy", sweep.policies, "fifo, run-to-completion, greedy, darkroom")
      ->check(CLI::IsMember(kPolicies));
  sweep_app->add_option("--requests", contest.arrivals.requests, "Of a seed")
      ->check(CLI::Range(20, 10'000'000));
  sweep_app->add_option("--seeds", contest.seeds, "Runs of a point")->check(CLI::Range(1, 1000));
  sweep_app->add_option("--devices", contest.arrivals.devices, "Alike, sharing the callers")
      ->check(CLI::Range(1, 1000));
  sweep_app->add_option("--burst", contest.arrivals.burst_factor, "Rate in bursts of 10 s");
  sweep_app->add_option("--deadline", sweep.deadline, "Seconds, for every caller");
  sweep_app->add_option("--jitter", contest.jitter, "Of the times of calls");
  sweep_app->add_flag("--learn", contest.learns, "Begin without knowing the times");
  sweep_app->add_option("--step-fixed", contest.times.step_fixed, "Seconds of every pass");
  sweep_app->add_option("--step-scale", contest.times.step_scale, "Of the seconds of a sample");
  sweep_app->add_option("--padded-sizes", sweep.padded_sizes, "Rows that passes are padded to");
  sweep_app->add_option("--json", sweep.json, "File for the points, a line each");

  int requests = 20'000;
  CLI::App* accept_app = app.add_subcommand("accept", "What the batcher must reach, line by line");
  accept_app->add_option("--requests", requests, "Of a seed; the bounds are meant for 20000");

  uint64_t first = 1;
  int count = 100'000;
  CLI::App* scenarios_app = app.add_subcommand("scenarios", "Drawn worlds, every promise checked");
  scenarios_app->add_option("--first", first, "Seed");
  scenarios_app->add_option("--count", count, "Seeds from there on");

  CLI11_PARSE(app, argc, argv);
  if (sweep_app->parsed()) return Sweep(sweep);
  if (accept_app->parsed()) return Accept(requests);
  return Scenarios(first, count);
}
