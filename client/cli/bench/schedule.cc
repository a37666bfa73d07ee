#include "client/cli/bench/schedule.h"

#include <cmath>
#include <random>

namespace darkroom {
namespace {

// Draws for one purpose. The standard says which numbers std::mt19937_64 gives, but not what its
// distributions make of them.
class Draws {
 public:
  Draws(uint64_t seed, uint32_t purpose) {
    std::seed_seq words{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), purpose};
    generator_.seed(words);
  }

  uint64_t Bits() { return generator_(); }
  // At least 0 and below 1.
  double Share() { return std::ldexp(static_cast<double>(generator_() >> 11), -53); }
  double Exponential(double rate) { return -std::log1p(-Share()) / rate; }
  size_t Below(size_t count) { return static_cast<size_t>(Share() * static_cast<double>(count)); }

 private:
  std::mt19937_64 generator_;
};

enum Purpose : uint32_t { kTimes, kContents };

size_t DrawKind(const RequestMix& mix, double total, Draws& draws) {
  double left = draws.Share() * total;
  for (size_t kind = 0; kind + 1 < mix.kinds.size(); ++kind) {
    left -= mix.kinds[kind].weight;
    if (left < 0) return kind;
  }
  return mix.kinds.size() - 1;
}

}  // namespace

std::vector<Arrival> MakeSchedule(double rate, absl::Duration span, uint64_t seed,
                                  const RequestMix& mix) {
  double total = 0;
  for (const RequestKind& kind : mix.kinds) total += kind.weight;
  Draws times(seed, kTimes);
  Draws contents(seed, kContents);
  std::vector<Arrival> arrivals;
  const double end = absl::ToDoubleSeconds(span);
  for (double at = times.Exponential(rate); at < end; at += times.Exponential(rate)) {
    Arrival arrival;
    arrival.at = absl::Seconds(at);
    arrival.kind = DrawKind(mix, total, contents);
    arrival.prompt = contents.Below(mix.kinds[arrival.kind].prompts.size());
    arrival.image_seed = static_cast<uint32_t>(contents.Bits());
    arrivals.push_back(arrival);
  }
  return arrivals;
}

v1::GenerateImagesRequest RequestOf(const Arrival& arrival, const RequestMix& mix) {
  const RequestKind& kind = mix.kinds[arrival.kind];
  v1::GenerateImagesRequest request = kind.request;
  request.set_prompt(kind.prompts[arrival.prompt]);
  request.set_seed(arrival.image_seed);
  return request;
}

}  // namespace darkroom
