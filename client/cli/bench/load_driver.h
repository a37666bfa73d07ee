#ifndef DARKROOM_CLIENT_CLI_BENCH_LOAD_DRIVER_H_
#define DARKROOM_CLIENT_CLI_BENCH_LOAD_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cli/bench/schedule.h"
#include "client/cpp/image_client.h"

namespace darkroom {

// What became of one arrival.
struct Outcome {
  enum class Fate {
    kUnsent,    // The run was stopped before.
    kDropped,   // Too many others were in flight.
    kAnswered,  // With `code`, be it the client's own.
  };
  Fate fate = Fate::kUnsent;
  absl::Duration lateness;  // From the arrival to the sending.
  absl::Duration latency;   // From the arrival, not the sending, to the answer.
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string reason;  // google.rpc.ErrorInfo's, of answers other than OK that have one.
  // Of an OK answer.
  uint32_t images = 0;
  uint32_t steps = 0;
  v1::GenerationStats::BatchSizes batch_sizes;
  absl::Duration queue_wait;
};

// Sends requests at the times of a schedule, in an open loop: however slow the answers are, the
// next arrival is sent at its time. Where the machine is late, the latency says so, for it counts
// from the arrival. Only arrivals that find `max_in_flight` others unanswered are not sent, and
// that is told.
//
// Run() takes one thread, besides those on which the answers come; Stop() may come from any other.
class LoadDriver {
 public:
  // Sends a request, which should be answered within `patience`, and returns without waiting for
  // its end. The callback must be called once, on any thread.
  using Send = absl::AnyInvocable<void(v1::GenerateImagesRequest, ImageClient::Callback,
                                       absl::Duration patience)>;

  // `deadline` counts from the arrival.
  LoadDriver(absl::Duration deadline, size_t max_in_flight, Send send);

  // Plays the whole schedule, and returns when all that was sent is answered: an outcome for each
  // arrival. Once only.
  std::vector<Outcome> Run(const std::vector<Arrival>& schedule, const RequestMix& mix)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the sending: nothing is sent once this returns. What is in flight is for the caller to
  // cancel.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // From the start of Run() to its end.
  absl::Duration elapsed() const { return elapsed_; }

  struct Counts {
    size_t sent = 0;
    size_t answered = 0;
    size_t dropped = 0;
  };
  // So far.
  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Turn { kSend, kDrop, kStop };

  // Waits for the arrival's time, or until the run is stopped. After kSend, SendOne() has to
  // follow.
  Turn AwaitTurn(absl::Duration at) ABSL_LOCKS_EXCLUDED(mu_);
  void SendOne(v1::GenerateImagesRequest request, absl::Duration at, Outcome& outcome)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration SinceStart() const;

  const absl::Duration deadline_;
  const size_t max_in_flight_;
  Send send_;
  const std::string id_prefix_;
  absl::Duration start_;  // On the steady clock.
  absl::Duration elapsed_;

  mutable absl::Mutex mu_;
  Counts counts_ ABSL_GUARDED_BY(mu_);
  bool sending_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_LOAD_DRIVER_H_
