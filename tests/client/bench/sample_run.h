#ifndef DARKROOM_TESTS_CLIENT_BENCH_SAMPLE_RUN_H_
#define DARKROOM_TESTS_CLIENT_BENCH_SAMPLE_RUN_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/bench/summary.h"

namespace darkroom {

// A run of two kinds, "quick" and "slow", to which a test adds what became of its requests.
class SampleRun {
 public:
  SampleRun() {
    run_.settings.server = "127.0.0.1:50051";
    run_.settings.rate = 4;
    run_.settings.duration = absl::Seconds(10);
    run_.settings.deadline = absl::Seconds(5);
    run_.settings.max_in_flight = 100;
    run_.settings.mix = {.name = "sample",
                         .kinds = {{.name = "quick", .weight = 3}, {.name = "slow"}}};
    run_.model.set_id("emoji");
    run_.model.add_devices("cpu");
    run_.elapsed = absl::Seconds(10);
  }

  // An OK answer of one image that took nine steps, in passes of `rows` rows on average.
  SampleRun& Ok(double at, size_t kind, double latency, double rows = 2) {
    Outcome outcome{.fate = Outcome::Fate::kAnswered, .latency = absl::Seconds(latency)};
    outcome.lateness = absl::Milliseconds(1);
    outcome.queue_wait = absl::Seconds(latency / 2);
    outcome.images = 1;
    outcome.steps = 9;
    outcome.batch_sizes.set_min(1);
    outcome.batch_sizes.set_mean(rows);
    outcome.batch_sizes.set_max(4);
    return Add(at, kind, std::move(outcome));
  }

  SampleRun& Failed(double at, absl::StatusCode code, const std::string& reason) {
    return Add(at, 0,
               {.fate = Outcome::Fate::kAnswered,
                .latency = absl::Milliseconds(10),
                .code = code,
                .reason = reason});
  }

  SampleRun& Fate(double at, Outcome::Fate fate) { return Add(at, 0, {.fate = fate}); }

  BenchRun& operator*() { return run_; }
  BenchRun* operator->() { return &run_; }

 private:
  SampleRun& Add(double at, size_t kind, Outcome outcome) {
    run_.schedule.push_back({.at = absl::Seconds(at), .kind = kind});
    run_.outcomes.push_back(std::move(outcome));
    return *this;
  }

  BenchRun run_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_CLIENT_BENCH_SAMPLE_RUN_H_
