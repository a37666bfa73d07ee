#ifndef DARKROOM_SERVER_WARM_UP_H_
#define DARKROOM_SERVER_WARM_UP_H_

#include "absl/status/status.h"
#include "model/image_generator.h"

namespace darkroom {

// Makes one image in two steps, of the model's default size but at most 256 pixels a side, so that
// a server that says it is ready has made one. The generator's error when it could not.
absl::Status WarmUp(ImageGenerator& generator);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_WARM_UP_H_
