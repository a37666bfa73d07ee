#include "bench/simulate/acceptance.h"

#include "absl/strings/str_cat.h"
#include "bench/simulate/contest.h"

namespace darkroom::sim {
namespace {

using Field = double Figures::*;

class Acceptance {
 public:
  Acceptance(int requests, const std::function<void(const AcceptanceLine&)>& report)
      : requests_(requests), report_(report) {}

  void EqualImages() {
    for (const double load : {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) {
      const Pair a = Run("A", load);
      AtMost(a, "p50", &Figures::p50, 1.03);
      AtMost(a, "p99", &Figures::p99, 1.03);
    }
    for (const double load : {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) {
      const Pair a = Run("A512", load);
      AtMost(a, "p50", &Figures::p50, load >= 0.4 && load <= 0.8 ? 0.92 : 1.03);
      AtMost(a, "p99", &Figures::p99, 1.05);
    }
  }

  void MixedImages() {
    for (const double load : {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}) {
      const Pair b = Run("B", load);
      if (load == 0.7) AtMost(b, "p50", &Figures::p50, 0.93);
      if (load == 0.8) AtMost(b, "p50", &Figures::p50, 0.92);
      if (load == 0.9) AtMost(b, "p50", &Figures::p50, 0.87);
      AtMost(b, "p99", &Figures::p99, load == 0.9 ? 0.91 : 1.04);
      const Pair bc = Run("BC", load);
      AtMost(bc, "mean slowdown", &Figures::mean_slowdown, 0.94);
      if (load == 0.9) AtMost(bc, "p99", &Figures::p99, 0.94);
      const Pair m = Run("M", load);
      if (load >= 0.5 && load <= 0.7) {
        AtMost(m, "mean slowdown", &Figures::mean_slowdown, 0.80);
      }
      AtMost(m, "p99", &Figures::p99, 1.04);
    }
  }

  void PaddedPasses() {
    Contest contest = MakeContest("A", 0.8);
    contest.times.padded_sizes = {1, 2, 4, 8};
    contest.believed = contest.times;
    AtMost(Run(contest, "A 0.8, passes padded to 1, 2, 4, 8"), "p50", &Figures::p50, 0.60);
  }

  void EverythingAtOnce() {
    const auto is_high = [](const Caller& c) { return c.request.priority == Priority::kHigh; };
    const auto is_small = [](const Caller& c) { return c.request.tenant != "0"; };
    Contest contest = MakeContest("D", 0.7);
    contest.drops = true;
    contest.max_queued = 256;
    const Pair d = Run(contest, "D 0.7");
    AtMost(d, "misses", &Figures::misses, 0.75);
    AtMost(d, "mean slowdown of HIGH", &Figures::mean_slowdown, 0.60, is_high);
    AtMost(d, "mean slowdown of small tenants", &Figures::mean_slowdown, 0.80, is_small);
    // Nobody of these drops out of the comparison.
    const auto without_deadline = [](const CallerFilter& filter) {
      return [filter](const Caller& c) {
        return c.request.deadline == absl::InfiniteFuture() && filter(c);
      };
    };
    AtMost(d, "mean slowdown of HIGH without deadlines", &Figures::mean_slowdown, 0.60,
           without_deadline(is_high));
    AtMost(d, "mean slowdown of small tenants without deadlines", &Figures::mean_slowdown, 0.80,
           without_deadline(is_small));
    contest.mix = MixesByName().at("flood");
    contest.arrivals.load = 1.5;
    const Figures flood = sim::Run(contest, Policy::kDarkroom).Summary(is_small);
    report_({"flood 1.5: mean slowdown of small tenants", flood.mean_slowdown, 7});
    report_({"flood 1.5: share of small tenants' requests without room", flood.refused, 0.01});
  }

  void Overload() {
    for (const auto& [load, least] : {std::pair(1.1, 0.86), std::pair(1.5, 0.62)}) {
      Contest contest = MakeContest("A", load);
      contest.mix.patience = absl::Seconds(20);
      contest.max_queued = 256;
      const Figures figures = sim::Run(contest, Policy::kDarkroom).Summary();
      report_({absl::StrCat("A ", load, ", 20 s deadlines: goodput"), figures.goodput, least,
               /*at_most=*/false});
    }
  }

  void WrongCosts() {
    for (const double load : {0.4, 0.6, 0.8, 0.9}) {
      for (const double error : {0.7, 1.3}) {
        Contest contest = MakeContest("A", load);
        contest.believed.step_fixed *= error;
        Compare(contest, absl::StrCat("A ", load, ", t0 believed x ", error), 1.10);
        contest.believed = contest.times;
        contest.believed.step_scale *= error;
        Compare(contest, absl::StrCat("A ", load, ", t1 believed x ", error), 1.10);
      }
    }
  }

  void LearnedCosts() {
    for (const double load : {0.5, 0.8, 0.9}) {
      Contest contest = MakeContest("A", load);
      contest.learns = true;
      contest.jitter = 0.1;
      Compare(contest, absl::StrCat("A ", load, ", times learned, 10 % jitter"), 1.05);
    }
    for (const double load : {0.8, 0.9}) {
      Contest contest = MakeContest("H", load);
      contest.learns = true;
      contest.jitter = 0.2;
      Compare(contest, absl::StrCat("H ", load, ", times learned, 20 % jitter"), 0.9);
    }
  }

 private:
  struct Pair {
    std::string name;
    FigureWatcher ours, theirs;
  };

  Contest MakeContest(const std::string& mix, double load) const {
    Contest contest = {.mix = MixesByName().at(mix)};
    contest.arrivals = {.load = load, .requests = requests_};
    return contest;
  }

  Pair Run(const Contest& contest, const std::string& name) const {
    return {name, sim::Run(contest, Policy::kDarkroom),
            sim::Run(contest, Policy::kRunToCompletion)};
  }

  Pair Run(const std::string& mix, double load) const {
    return Run(MakeContest(mix, load), absl::StrCat(mix, " ", load));
  }

  void Compare(const Contest& contest, const std::string& name, double bound) const {
    const Pair pair = Run(contest, name);
    AtMost(pair, "p50", &Figures::p50, bound);
    AtMost(pair, "p99", &Figures::p99, bound);
  }

  void AtMost(const Pair& pair, const std::string& what, Field field, double bound,
              const CallerFilter& filter = nullptr) const {
    const double ratio = pair.ours.Summary(filter).*field / (pair.theirs.Summary(filter).*field);
    report_({absl::StrCat(pair.name, ": ", what, " over run-to-completion's"), ratio, bound});
  }

  const int requests_;
  const std::function<void(const AcceptanceLine&)>& report_;
};

}  // namespace

void RunAcceptance(int requests, const std::function<void(const AcceptanceLine&)>& report) {
  Acceptance acceptance(requests, report);
  acceptance.EqualImages();
  acceptance.MixedImages();
  acceptance.PaddedPasses();
  acceptance.EverythingAtOnce();
  acceptance.Overload();
  acceptance.WrongCosts();
  acceptance.LearnedCosts();
}

}  // namespace darkroom::sim
