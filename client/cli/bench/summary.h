#ifndef DARKROOM_CLIENT_CLI_BENCH_SUMMARY_H_
#define DARKROOM_CLIENT_CLI_BENCH_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/bench/distribution.h"
#include "client/cli/bench/load_driver.h"
#include "client/cli/bench/schedule.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// What a run was told.
struct BenchSettings {
  std::string server;
  double rate = 0;  // Requests a second.
  absl::Duration warmup;
  absl::Duration duration;
  absl::Duration deadline;  // From each arrival; infinite for none.
  uint64_t seed = 0;
  size_t max_in_flight = 0;
  bool retries = true;
  RequestMix mix;
};

// A run with all its outcomes, those of the warm-up too.
struct BenchRun {
  BenchSettings settings;
  v1::GetModelResponse model;
  absl::Time started;
  absl::Duration elapsed;  // Until the last answer.
  bool interrupted = false;
  std::vector<Arrival> schedule;
  std::vector<Outcome> outcomes;  // One for each arrival.
};

// Requests of one kind.
struct KindSummary {
  std::string name;
  size_t arrived = 0;
  Distribution latency;  // Of OK answers.
};

// The figures of a run, without its warm-up. Times are seconds.
struct BenchSummary {
  size_t arrived = 0;  // Sent, dropped or, after an interrupt, unsent.
  size_t sent = 0;
  size_t dropped = 0;
  size_t unsent = 0;
  // Answers by gRPC's code and the server's reason, which is empty without one.
  std::map<std::pair<std::string, std::string>, size_t> answers;
  Distribution latency;     // Of OK answers.
  Distribution queue_wait;  // Likewise; each of the request's slowest image.
  Distribution lateness;    // Of what was sent: how far this program was behind its schedule.
  double seconds = 0;       // From the end of the warm-up to the last answer.
  size_t images = 0;
  size_t images_in_time = 0;  // Of requests answered within their deadline, from arrival to answer.
  // Rows in the passes, as the images saw them: each step of each image counts once.
  struct Batches {
    uint32_t min = 0;
    double mean = 0;
    uint32_t max = 0;
  };
  std::optional<Batches> batches;
  std::vector<KindSummary> kinds;  // In the mix's order.

  double PerSecond(size_t count) const { return seconds > 0 ? count / seconds : 0; }
  size_t ok() const { return latency.count; }
};

BenchSummary Summarize(const BenchRun& run);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_SUMMARY_H_
