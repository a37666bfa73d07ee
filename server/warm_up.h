#ifndef DARKROOM_SERVER_WARM_UP_H_
#define DARKROOM_SERVER_WARM_UP_H_

#include "absl/status/statusor.h"
#include "batcher/clock.h"
#include "batcher/planner.h"
#include "model/image_generator.h"

namespace darkroom {

// Makes images in a few steps, of the model's default size but at most 256 pixels a side: one
// alone, so that a server that says it is ready has made one, and then, where that promises to be
// quick, a full batch. Returns what was learned of the calls' times, and of the largest batch that
// memory has room for. The generator's error when it could not make the one.
absl::StatusOr<DeviceProfile> WarmUp(ImageGenerator& generator, int max_batch_size, Clock& clock);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_WARM_UP_H_
