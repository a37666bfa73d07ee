#ifndef DARKROOM_CLIENT_CLI_SIZE_FLAG_H_
#define DARKROOM_CLIENT_CLI_SIZE_FLAG_H_

#include "absl/strings/string_view.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// Asks for images of a size that is written as WIDTHxHEIGHT, in pixels. Anything else is false, and
// changes nothing. Which sizes there are is for the server to say.
bool SetSize(absl::string_view text, v1::GenerateImagesRequest& request);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_SIZE_FLAG_H_
