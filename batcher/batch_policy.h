#ifndef DARKROOM_BATCHER_BATCH_POLICY_H_
#define DARKROOM_BATCHER_BATCH_POLICY_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/admitted_request.h"
#include "batcher/batch_caps.h"
#include "batcher/batch_options.h"
#include "batcher/cost_model.h"
#include "batcher/row_table.h"

namespace darkroom {

// What the order of rows weighs in this mode.
OrderWeights WeightsOf(BatchingMode mode);

// All that a decision depends on.
struct House {
  absl::Time now;
  const RowTable& rows;
  const CostModel& costs;
  const BatchCaps& caps;
  double load = 0;  // Share of the device's time that arrivals ask for: 0 to below 1.
  absl::Time idle_since = absl::InfinitePast();  // When the device's last call returned.
  bool draining = false;                         // Nobody comes any more.
};

// Why rows leave the queue when they do.
enum class StartTrigger {
  kFull,      // They fill a batch.
  kWindow,    // The window of the first one closed.
  kDeadline,  // One could not wait that long.
  kDrain,     // Nobody else comes.
  kBacklog,   // They came while the device was busy.
  kJoin       // Others are under way.
};

struct Decision {
  enum class Action {
    kWait,    // Until `wake`, or until something changes.
    kDrop,    // The rows end unfinished, for `reason`.
    kStart,   // The rows' first call, all of one key.
    kStep,    // One pass of the rows, all of one key.
    kFinish,  // The rows have had all their steps; all of one key.
  };
  Action action = Action::kWait;
  std::vector<RowId> rows;
  StartTrigger trigger = StartTrigger::kJoin;  // Of kStart.
  absl::Time wake = absl::InfiniteFuture();
  absl::Status reason;
};

// The call that an action other than waiting and dropping stands for.
CallKind KindOf(Decision::Action action);

// What to do at this step boundary. A pure function: the same house, the same decision.
//
// Cancelled and late rows leave first; then finished rows are decoded. Then the request that is due
// first names the key and is in the pass; in continuous mode, the rows that follow it in the order
// join while the device time that this saves for everybody outweighs what it costs those who are in
// already. docs/batching.md has the rule and its reasons.
Decision Decide(const House& house, const BatchOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_POLICY_H_
