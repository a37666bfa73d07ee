#ifndef DARKROOM_BENCH_SIMULATE_WORKLOAD_H_
#define DARKROOM_BENCH_SIMULATE_WORKLOAD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "batcher/row.h"
#include "bench/simulate/device_times.h"

namespace darkroom::sim {

template <typename T>
struct Choice {
  double share;
  T value;
};

// What callers ask for, and how often. Shares need not add up to 1.
struct Mix {
  std::vector<Choice<BatchKey>> keys = {{1, kLarge}};
  std::vector<Choice<int>> steps = {{1, 20}};
  std::vector<Choice<int>> images = {{1, 1}};
  double unguided = 0;   // Share of requests without guidance.
  double high = 0;       // With high priority.
  double low = 0;        // With low priority.
  double cancelled = 0;  // That are cancelled within eight times their time alone.
  // Share with deadlines, drawn evenly between these multiples of their time alone.
  double deadlines = 0;
  double least_patience = 4;
  double most_patience = 12;
  absl::Duration patience = absl::ZeroDuration();  // Or this deadline for all.
  int tenants = 0;                                 // 0: each request has its own.
  double heavy_tenant = 0;                         // Share of requests that the first tenant sends.
};

// How requests come: Poisson, now and then in bursts.
struct Arrivals {
  double load = 0.8;  // 1: as much as the devices can do in full batches.
  // Rate in a burst, of the mean; the calm between bursts makes up for it. From 1 to below 5.
  double burst_factor = 1;
  int requests = 20'000;
  int devices = 1;
};

// A request on its way.
struct Caller {
  BatchRequest request;
  absl::Time arrival;
  absl::Time cancels = absl::InfiniteFuture();
  double solo = 0;  // Seconds, alone on an idle device.
  double work = 0;  // Seconds, in full batches.
};

// The callers of a run, in order of arrival, with ascending row ids. The same seed, the same run.
std::vector<Caller> Draw(const Mix& mix, const Arrivals& arrivals, const DeviceTimes& times,
                         int max_batch_size, uint64_t seed);

// The mixes by name: A, equal images of 1024 pixels a side and 20 steps; A512, as A of 512 pixels;
// B, of 20, 30 and 50 steps; C, of three sizes; BC, both; M, of one to eight images a request; H,
// of 4, 20 and 50 steps; D, all of these with priorities, deadlines, cancellations and tenants, one
// of which sends half of the requests; flood, as D with one that sends nine in ten.
const std::map<std::string, Mix>& MixesByName();

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_WORKLOAD_H_
