#include "bench/simulate/sweep.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace darkroom::sim {
namespace {

absl::StatusOr<Contest> MakeContest(const SweepOptions& options, const std::string& mix,
                                    double load) {
  Contest contest = options.contest;
  contest.mix = MixesByName().at(mix);
  contest.mix.patience = absl::Seconds(options.deadline);
  contest.arrivals.load = load;
  contest.window = absl::Seconds(options.window);
  contest.times.padded_sizes = options.padded_sizes;
  const absl::Status padding = Validate(OptionsOf(contest));
  if (!padding.ok()) return padding;
  if (!options.times.empty()) {
    absl::StatusOr<MeasuredTimes> times = MeasuredTimes::Read(options.times);
    if (!times.ok()) return times.status();
    contest.times.measured = std::make_shared<MeasuredTimes>(*std::move(times));
  }
  contest.believed = contest.times;
  contest.drops = contest.mix.deadlines > 0 || options.deadline > 0;
  if (contest.drops) contest.max_queued = 256;
  if (options.memory > 0) contest.memory = options.memory * kLarge.area();
  return contest;
}

nlohmann::json ToJson(const Figures& f) {
  return {{"p50", f.p50},          {"p99", f.p99},
          {"p999", f.p999},        {"slowdown", f.mean_slowdown},
          {"goodput", f.goodput},  {"misses", f.misses},
          {"refused", f.refused},  {"broken", f.broken},
          {"batch", f.mean_batch}, {"busy", f.busy}};
}

// Writes calls down.
class Tracer final : public Watcher {
 public:
  Tracer(std::span<const Caller> callers, std::ofstream& file) : file_(file) {
    for (const Caller& caller : callers) {
      for (const Row& row : caller.request.rows) request_of_[row.id] = IdOf(caller.request);
    }
  }

  void OnSubmit(int, const Caller& caller, const absl::Status& status) override {
    Write({{"event", status.ok() ? "submit" : "refuse"},
           {"time", Seconds(caller.arrival)},
           {"request", IdOf(caller.request)},
           {"rows", caller.request.rows.size()},
           {"steps", caller.request.rows.front().steps}});
  }
  void OnCancel(RowId request, absl::Time now) override {
    Write({{"event", "cancel"}, {"time", Seconds(now)}, {"request", request}});
  }
  void OnCall(int, CallKind, std::span<const RowId>, absl::Time, bool) override {}
  void OnReturn(int device, CallKind kind, std::span<const RowId> rows, absl::Time begin,
                absl::Time now, const absl::Status& status) override {
    nlohmann::json requests = nlohmann::json::array();
    for (const RowId row : rows) requests.push_back(request_of_.at(row));
    Write({{"event", kind == CallKind::kStart  ? "start"
                     : kind == CallKind::kStep ? "step"
                                               : "finish"},
           {"device", device},
           {"begin", Seconds(begin)},
           {"end", Seconds(now)},
           {"rows", std::vector<RowId>(rows.begin(), rows.end())},
           {"requests", requests},
           {"ok", status.ok()}});
  }
  void OnIdle(int, absl::Time, absl::Time) override {}
  void OnEnd(int, RowId, absl::Time, const absl::Status&) override {}

 private:
  static double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }
  void Write(const nlohmann::json& line) { file_ << line.dump() << '\n'; }

  std::ofstream& file_;
  std::map<RowId, RowId> request_of_;
};

}  // namespace

const std::map<std::string, Policy>& PoliciesByName() {
  static const auto& policies =
      *new std::map<std::string, Policy>{{"fifo", Policy::kFifo},
                                         {"run-to-completion", Policy::kRunToCompletion},
                                         {"greedy", Policy::kGreedy},
                                         {"darkroom", Policy::kDarkroom}};
  return policies;
}

absl::Status Sweep(const SweepOptions& options, const std::string& file) {
  std::ofstream json(file.empty() ? "/dev/null" : file);
  if (!json) return absl::InvalidArgumentError(absl::StrCat("cannot write ", file));
  std::printf("%-6s %5s %-18s %8s %8s %8s %9s %8s %8s %8s %8s %6s %6s\n", "mix", "load", "policy",
              "p50 s", "p99 s", "p99.9 s", "slowdown", "goodput", "misses", "refused", "broken",
              "batch", "busy");
  for (const std::string& mix : options.mixes) {
    for (const double load : options.loads) {
      const absl::StatusOr<Contest> contest = MakeContest(options, mix, load);
      if (!contest.ok()) return contest.status();
      for (const std::string& policy : options.policies) {
        const Figures f = Run(*contest, PoliciesByName().at(policy)).Summary();
        std::printf(
            "%-6s %5.2f %-18s %8.2f %8.2f %8.2f %9.2f %8.3f %8.3f %8.3f %8.3f %6.2f %6.2f\n",
            mix.c_str(), load, policy.c_str(), f.p50, f.p99, f.p999, f.mean_slowdown, f.goodput,
            f.misses, f.refused, f.broken, f.mean_batch, f.busy);
        std::fflush(stdout);
        nlohmann::json point = ToJson(f);
        point.update({{"mix", mix}, {"load", load}, {"policy", policy}});
        json << point.dump() << '\n';
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Trace(const SweepOptions& options, uint64_t seed, const std::string& file) {
  std::ofstream stream(file);
  if (!stream) return absl::InvalidArgumentError(absl::StrCat("cannot write ", file));
  const absl::StatusOr<Contest> contest =
      MakeContest(options, options.mixes.front(), options.loads.front());
  if (!contest.ok()) return contest.status();
  const std::vector<Caller> callers = CallersOf(*contest, seed);
  Tracer tracer(callers, stream);
  Run(*contest, PoliciesByName().at(options.policies.front()), seed, callers, tracer);
  return absl::OkStatus();
}

}  // namespace darkroom::sim
