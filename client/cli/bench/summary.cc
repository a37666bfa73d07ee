#include "client/cli/bench/summary.h"

#include <algorithm>

namespace darkroom {
namespace {

using Fate = Outcome::Fate;

bool IsOk(const Outcome& outcome) {
  return outcome.fate == Fate::kAnswered && outcome.code == absl::StatusCode::kOk;
}

// Calls `visit` for each arrival after the warm-up.
template <typename Visit>
void ForEachMeasured(const BenchRun& run, Visit visit) {
  for (size_t i = 0; i < run.outcomes.size(); ++i) {
    if (run.schedule[i].at >= run.settings.warmup) visit(run.schedule[i], run.outcomes[i]);
  }
}

void CountFates(const BenchRun& run, BenchSummary& summary) {
  ForEachMeasured(run, [&](const Arrival&, const Outcome& outcome) {
    ++summary.arrived;
    if (outcome.fate == Fate::kUnsent) ++summary.unsent;
    if (outcome.fate == Fate::kDropped) ++summary.dropped;
    if (outcome.fate != Fate::kAnswered) return;
    ++summary.sent;
    ++summary.answers[{absl::StatusCodeToString(outcome.code), outcome.reason}];
  });
}

void DescribeTimes(const BenchRun& run, BenchSummary& summary) {
  std::vector<double> latency;
  std::vector<double> queue_wait;
  std::vector<double> lateness;
  std::vector<std::vector<double>> by_kind(run.settings.mix.kinds.size());
  for (const RequestKind& kind : run.settings.mix.kinds) summary.kinds.push_back({kind.name});
  ForEachMeasured(run, [&](const Arrival& arrival, const Outcome& outcome) {
    ++summary.kinds[arrival.kind].arrived;
    if (outcome.fate == Fate::kAnswered) {
      lateness.push_back(absl::ToDoubleSeconds(outcome.lateness));
    }
    if (!IsOk(outcome)) return;
    latency.push_back(absl::ToDoubleSeconds(outcome.latency));
    queue_wait.push_back(absl::ToDoubleSeconds(outcome.queue_wait));
    by_kind[arrival.kind].push_back(latency.back());
  });
  summary.latency = Describe(std::move(latency));
  summary.queue_wait = Describe(std::move(queue_wait));
  summary.lateness = Describe(std::move(lateness));
  for (size_t kind = 0; kind < by_kind.size(); ++kind) {
    summary.kinds[kind].latency = Describe(std::move(by_kind[kind]));
  }
}

void CountImages(const BenchRun& run, BenchSummary& summary) {
  BenchSummary::Batches batches;
  double steps = 0;
  double rows = 0;
  ForEachMeasured(run, [&](const Arrival&, const Outcome& outcome) {
    if (!IsOk(outcome)) return;
    summary.images += outcome.images;
    if (outcome.latency <= run.settings.deadline) summary.images_in_time += outcome.images;
    const v1::GenerationStats::BatchSizes& sizes = outcome.batch_sizes;
    if (sizes.max() == 0) return;
    batches.min = batches.max == 0 ? sizes.min() : std::min(batches.min, sizes.min());
    batches.max = std::max(batches.max, sizes.max());
    const double weight = static_cast<double>(outcome.images) * std::max(outcome.steps, 1u);
    steps += weight;
    rows += weight * sizes.mean();
  });
  if (steps == 0) return;
  batches.mean = rows / steps;
  summary.batches = batches;
}

}  // namespace

BenchSummary Summarize(const BenchRun& run) {
  BenchSummary summary;
  summary.seconds = std::max(0.0, absl::ToDoubleSeconds(run.elapsed - run.settings.warmup));
  CountFates(run, summary);
  DescribeTimes(run, summary);
  CountImages(run, summary);
  return summary;
}

}  // namespace darkroom
