#include "batcher/pass_size.h"

#include <vector>

namespace darkroom {
namespace {

constexpr double kJoinGain = 0.10;  // Share of a pass that a join must be worth.

// The candidates' passes by size: what one takes, and how many requests are in it.
class Prefixes {
 public:
  Prefixes(std::span<const Candidate> candidates, const CostModel& costs)
      : candidates_(candidates), time_(candidates.size() + 1), requests_(candidates.size() + 1) {
    int samples = 0;
    for (size_t n = 1; n <= candidates.size(); ++n) {
      const Candidate& last = candidates[n - 1];
      samples += last.row->samples;
      time_[n] = costs.Step(last.request->key, samples);
      const bool is_new = n == 1 || last.request != candidates[n - 2].request;
      requests_[n] = requests_[n - 1] + is_new;
    }
  }

  // A request's last row is the n-th; the last candidate counts as one.
  bool EndsRequest(size_t n) const {
    return n == candidates_.size() || candidates_[n - 1].request != candidates_[n].request;
  }

  // What `from` rows gain, by their time and that of the others, if the pass has `to`.
  double Saved(size_t from, size_t to, double pressure) const {
    return pressure *
           (time_[from] - time_[to] * static_cast<double>(from) / static_cast<double>(to));
  }
  double Delay(size_t from, size_t to) const { return requests_[from] * (time_[to] - time_[from]); }
  double LeastGain(size_t from, double pressure) const {
    return kJoinGain * time_[from] * (pressure + requests_[from]);
  }

 private:
  std::span<const Candidate> candidates_;
  std::vector<double> time_;      // Seconds, by rows.
  std::vector<double> requests_;  // By rows.
};

}  // namespace

size_t PassSize(std::span<const Candidate> candidates, const CostModel& costs, double pressure) {
  const Prefixes prefixes(candidates, costs);
  size_t size = 0;
  for (size_t n = 1; n <= candidates.size(); ++n) {
    if (!prefixes.EndsRequest(n)) continue;
    // As long as nothing is known of the times, sharing is worth trying.
    if (size == 0 || prefixes.Saved(size, n, pressure) >= prefixes.Delay(size, n)) size = n;
  }
  size_t running = 0;
  for (size_t n = 1; n <= size; ++n) {
    if (candidates[n - 1].row->started) running = n;
  }
  if (running == 0 || running == size) return size;
  const double delay = prefixes.Delay(running, size);
  if (delay <= 0) return size;  // As where passes are padded.
  const double gain = prefixes.Saved(running, size, pressure) - delay;
  return gain < prefixes.LeastGain(running, pressure) ? running : size;
}

}  // namespace darkroom
