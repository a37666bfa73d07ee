#ifndef DARKROOM_CLIENT_CLI_BENCH_SCHEDULE_H_
#define DARKROOM_CLIENT_CLI_BENCH_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/bench/request_mix.h"

namespace darkroom {

// A request that is to be sent at its time, whatever became of those before.
struct Arrival {
  absl::Duration at;  // Since the start.
  size_t kind = 0;    // Of the mix.
  size_t prompt = 0;  // Of the kind.
  uint32_t image_seed = 0;
};

// Poisson arrivals of `rate` a second over `span`, in their order: gaps are exponential, so that
// requests come as from many callers who know nothing of each other. The same arguments give the
// same schedule on every machine; times depend on rate, span and seed alone, so that two mixes can
// be compared at the same times.
std::vector<Arrival> MakeSchedule(double rate, absl::Duration span, uint64_t seed,
                                  const RequestMix& mix);

// What to send then; its request_id is for the caller to set.
v1::GenerateImagesRequest RequestOf(const Arrival& arrival, const RequestMix& mix);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_SCHEDULE_H_
