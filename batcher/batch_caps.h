#ifndef DARKROOM_BATCHER_BATCH_CAPS_H_
#define DARKROOM_BATCHER_BATCH_CAPS_H_

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "batcher/cost_model.h"
#include "batcher/row.h"

namespace darkroom {

// How many rows a device call may have, as learned from calls that ran out of memory.
//
// A call that did so halves the bound of its kind for its key, and by area that of all larger keys,
// for a minute; each time that it happens again after that, for twice as long, up to 16 minutes.
// Not thread-safe.
class BatchCaps {
 public:
  void OnOutOfMemory(CallKind kind, const BatchKey& key, int rows, absl::Time now);

  // At least 1, at most `max_rows`.
  int Limit(CallKind kind, const BatchKey& key, int max_rows, absl::Time now) const;

 private:
  struct Cap {
    int rows = 0;
    absl::Time until = absl::InfinitePast();
    absl::Duration hold = absl::ZeroDuration();
  };

  absl::flat_hash_map<std::pair<CallKind, BatchKey>, Cap> caps_;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_CAPS_H_
