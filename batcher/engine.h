#ifndef DARKROOM_BATCHER_ENGINE_H_
#define DARKROOM_BATCHER_ENGINE_H_

#include <span>

#include "absl/status/status.h"
#include "batcher/row.h"

namespace darkroom {

// The port to one device. Rows are named by their ids; all rows of a call share a batch key.
//
// Called by the batcher's thread alone, one call at a time. A call that fails must leave every row
// as it was: the batcher repeats it with fewer rows to find the ones at fault. After
// RESOURCE_EXHAUSTED, that memory ran out, later calls have fewer rows for a while; after
// UNAVAILABLE, that the device has failed, there are none. DATA_LOSS says that a row's numbers
// overflowed.
class Engine {
 public:
  virtual ~Engine() = default;

  // Prepares rows for their first step.
  virtual absl::Status Start(std::span<const RowId> rows) = 0;
  // One denoising step of every row, in one UNet pass.
  virtual absl::Status Step(std::span<const RowId> rows) = 0;
  // Turns rows without steps left into images.
  virtual absl::Status Finish(std::span<const RowId> rows) = 0;

  // The row's end: OK when it is finished, else why it never will be. Called exactly once for every
  // row that was accepted; the row's id means nothing afterwards. Must not block.
  virtual void End(RowId row, const absl::Status& status) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ENGINE_H_
