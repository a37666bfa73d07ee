#ifndef DARKROOM_BATCHER_BATCH_CAPS_H_
#define DARKROOM_BATCHER_BATCH_CAPS_H_

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "batcher/cost_model.h"
#include "batcher/row.h"

namespace darkroom {

// How many rows a device call may have: as many as memory has room for, by what measured calls
// took, and as was learned from calls that ran out.
//
// A call that ran out halves the bound of its kind for its key, and by area that of all larger
// keys, for a minute; each time that it happens again after that, for twice as long, up to 16
// minutes. At most 64 such bounds are
// kept, and further ones forgotten. Not thread-safe.
class BatchCaps {
 public:
  // Bytes that are free, of which four fifths may be used; as long as nobody says, there is no
  // bound.
  void SetMemory(int64_t bytes) { memory_ = bytes; }
  // A call took so many bytes at most. Others of its kind are taken to be in proportion to the
  // largest that was measured.
  void OnMeasured(CallKind kind, const BatchKey& key, int rows, int64_t bytes);

  void OnOutOfMemory(CallKind kind, const BatchKey& key, int rows, absl::Time now);

  // At least 1, at most `max_rows`.
  int Limit(CallKind kind, const BatchKey& key, int max_rows, absl::Time now) const;

 private:
  struct Measured {
    int64_t latents = 0;  // Of all its rows.
    double bytes_per_latent = 0;
  };
  struct Cap {
    int rows = 0;
    absl::Time until = absl::InfinitePast();
    absl::Duration hold = absl::ZeroDuration();
  };

  double RowsInMemory(CallKind kind, const BatchKey& key) const;

  int64_t memory_ = INT64_MAX;
  absl::flat_hash_map<CallKind, Measured> measured_;
  absl::flat_hash_map<std::pair<CallKind, BatchKey>, Cap> caps_;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_BATCH_CAPS_H_
