#ifndef DARKROOM_BATCHER_ROW_H_
#define DARKROOM_BATCHER_ROW_H_

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace darkroom {

// Names a row for as long as it lives; chosen by whoever submits it, unique among live rows.
using RowId = uint64_t;

// Rows may share a pass when their keys are equal.
struct BatchKey {
  int latent_height = 0;
  int latent_width = 0;

  auto operator<=>(const BatchKey&) const = default;
};

// What the batcher knows of one image being made.
struct Row {
  RowId id = 0;
  BatchKey key;
  int steps = 1;
  int64_t pixels = 0;
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time arrival = absl::InfinitePast();  // Set by the batcher when it accepts the row.
  bool cancelled = false;                     // Set by the batcher when the row is to leave.
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ROW_H_
