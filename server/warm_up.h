#ifndef DARKROOM_SERVER_WARM_UP_H_
#define DARKROOM_SERVER_WARM_UP_H_

#include "absl/status/statusor.h"
#include "batcher/batch_options.h"
#include "batcher/clock.h"
#include "batcher/planner.h"
#include "model/image_generator.h"

namespace darkroom {

// Makes images in a few steps, of the model's default size but at most 256 pixels a side: one
// alone, so that a server that says it is ready has made one, again where that is quick, and then a
// full batch, or the largest half of it that memory has room for, where that takes at most about 10
// seconds. A generator that warms by shape makes images of its full default size, and then batches
// of 2, 3 and so on for 10 more seconds. Returns what was learned of the calls' times and memory.
// The generator's error when it could not make them; a batch without room is none.
absl::StatusOr<DeviceProfile> WarmUp(ImageGenerator& generator, const BatchOptions& options,
                                     Clock& clock);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_WARM_UP_H_
