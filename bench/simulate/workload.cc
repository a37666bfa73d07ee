#include "bench/simulate/workload.h"

#include <random>

#include "absl/strings/str_cat.h"

namespace darkroom::sim {
namespace {

constexpr double kBurstSeconds = 10;
constexpr double kCalmSeconds = 40;

class Drawer {
 public:
  Drawer(const Mix& mix, const DeviceTimes& times, int max_batch_size, uint64_t seed)
      : mix_(mix), times_(times), max_batch_size_(max_batch_size), random_(seed) {}

  double Uniform(double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random_);
  }
  double Exponential(double mean) {
    return std::exponential_distribution<double>(1 / mean)(random_);
  }

  // A caller whose arrival is still to be drawn.
  Caller DrawCaller() {
    Caller caller;
    BatchRequest& request = caller.request;
    request.key = Pick(mix_.keys);
    const Row row = {.steps = Pick(mix_.steps), .samples = Chance(mix_.unguided) ? 1 : 2};
    request.rows.assign(static_cast<size_t>(Pick(mix_.images)), row);
    for (Row& r : request.rows) r.id = next_row_++;
    request.pixels = 64 * request.key.area();
    request.priority = Chance(mix_.high)  ? Priority::kHigh
                       : Chance(mix_.low) ? Priority::kLow
                                          : Priority::kNormal;
    request.tenant = absl::StrCat(DrawTenant(request));
    caller.solo = times_.Solo(request, max_batch_size_);
    caller.work = times_.Work(request, max_batch_size_);
    return caller;
  }

  void Arrive(Caller& caller, double seconds) {
    caller.arrival = absl::UnixEpoch() + absl::Seconds(seconds);
    if (mix_.patience > absl::ZeroDuration()) {
      caller.request.deadline = caller.arrival + mix_.patience;
    } else if (Chance(mix_.deadlines)) {
      const double patience = Uniform(mix_.least_patience, mix_.most_patience);
      caller.request.deadline = caller.arrival + absl::Seconds(patience * caller.solo);
    }
    if (Chance(mix_.cancelled)) {
      caller.cancels = caller.arrival + absl::Seconds(Uniform(0, 8) * caller.solo);
    }
  }

 private:
  uint64_t DrawTenant(const BatchRequest& request) {
    if (mix_.tenants == 0) return request.rows.front().id;
    if (mix_.tenants == 1 || Chance(mix_.heavy_tenant)) return 0;
    return 1 + static_cast<uint64_t>(Uniform(0, mix_.tenants - 1));
  }

  bool Chance(double share) { return share > 0 && Uniform(0, 1) < share; }

  template <typename T>
  T Pick(const std::vector<Choice<T>>& choices) {
    double sum = 0;
    for (const Choice<T>& choice : choices) sum += choice.share;
    double left = Uniform(0, sum);
    for (const Choice<T>& choice : choices) {
      left -= choice.share;
      if (left < 0) return choice.value;
    }
    return choices.back().value;
  }

  const Mix& mix_;
  const DeviceTimes& times_;
  const int max_batch_size_;
  std::mt19937_64 random_;
  RowId next_row_ = 1;
};

}  // namespace

std::vector<Caller> Draw(const Mix& mix, const Arrivals& arrivals, const DeviceTimes& times,
                         int max_batch_size, uint64_t seed) {
  Drawer drawer(mix, times, max_batch_size, seed);
  std::vector<Caller> callers;
  double work = 0;
  for (int i = 0; i < arrivals.requests; ++i) {
    callers.push_back(drawer.DrawCaller());
    work += callers.back().work;
  }
  const double mean_gap = work / arrivals.requests / arrivals.load / arrivals.devices;
  const bool bursts = arrivals.burst_factor > 1;
  const double calm_factor =
      (kBurstSeconds + kCalmSeconds - kBurstSeconds * arrivals.burst_factor) / kCalmSeconds;
  bool burst = false;
  double now = 0;
  double change = bursts ? drawer.Exponential(kCalmSeconds) : 0;
  for (Caller& caller : callers) {
    double gap = drawer.Exponential(mean_gap);
    if (bursts) gap /= burst ? arrivals.burst_factor : calm_factor;
    now += gap;
    if (bursts && now >= change) {
      burst = !burst;
      change = now + drawer.Exponential(burst ? kBurstSeconds : kCalmSeconds);
    }
    drawer.Arrive(caller, now);
  }
  return callers;
}

const std::map<std::string, Mix>& MixesByName() {
  static const auto& mixes = *new std::map<std::string, Mix>([] {
    const std::vector<Choice<int>> steps = {{0.7, 20}, {0.2, 30}, {0.1, 50}};
    const std::vector<Choice<BatchKey>> keys = {{0.6, kLarge}, {0.2, kMedium}, {0.2, kSmall}};
    const std::vector<Choice<int>> images = {{0.75, 1}, {0.12, 2}, {0.09, 4}, {0.04, 8}};
    const Mix everything = {.keys = keys,
                            .steps = steps,
                            .images = images,
                            .unguided = 0.15,
                            .high = 0.2,
                            .cancelled = 0.05,
                            .deadlines = 0.5,
                            .tenants = 10,
                            .heavy_tenant = 0.5};
    Mix flood = everything;
    flood.heavy_tenant = 0.9;
    return std::map<std::string, Mix>{{"A", {}},
                                      {"A512", {.keys = {{1, kSmall}}}},
                                      {"B", {.steps = steps}},
                                      {"BC", {.keys = keys, .steps = steps}},
                                      {"C", {.keys = keys}},
                                      {"D", everything},
                                      {"H", {.steps = {{0.5, 4}, {0.4, 20}, {0.1, 50}}}},
                                      {"M", {.images = images}},
                                      {"flood", flood}};
  }());
  return mixes;
}

}  // namespace darkroom::sim
