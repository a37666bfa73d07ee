#ifndef DARKROOM_BENCH_SIMULATE_PLANTED_BUGS_H_
#define DARKROOM_BENCH_SIMULATE_PLANTED_BUGS_H_

#include <memory>

#include "batcher/batch_options.h"
#include "bench/simulate/contender.h"

namespace darkroom::sim {

// Ways for a batcher to break its promises, to prove that the checker sees them.
enum class Bug {
  kLosesARow,         // One row is never in a call again.
  kAnswersTwice,      // A row is dropped after its answer.
  kAnswersUnmade,     // A row is answered as if it were done.
  kMixesKeys,         // A row of another key is in a pass.
  kPassTooLarge,      // A pass has more rows than the largest batch.
  kSkipsTheFirst,     // The row that is due first is left out of a pass.
  kIdlesOn,           // The device waits though rows do.
  kDropsTooEarly,     // A row is late long before it is.
  kForgetsACancel,    // A cancelled row goes on.
  kFinishesTooEarly,  // A row is decoded before its last step.
  kStartsTwice,       // A row is started again.
  kQueueTooLong,      // The queue takes more than its bound.
  kKeepsLateRows,     // Rows go on though they are late.
  kTwiceInAPass,      // A row is in a pass twice.
  kStartsOutOfOrder,  // A row is started before those that are due earlier.
  kRefusesInVain,     // Who has a deadline is refused.
  kJoinsStatic        // A row joins a static batch.
};

// Darkroom's batcher with the bug, which shows at some point of most runs that give it a chance.
std::unique_ptr<Contender> MakeBuggy(Bug bug, const BatchOptions& options,
                                     const DeviceProfile& profile);

}  // namespace darkroom::sim

#endif  // DARKROOM_BENCH_SIMULATE_PLANTED_BUGS_H_
