#ifndef DARKROOM_SERVER_CONTENT_FILTER_H_
#define DARKROOM_SERVER_CONTENT_FILTER_H_

#include "absl/status/status.h"
#include "model/image_generator.h"

namespace darkroom {

// A deployer's judgement of what may be asked for and what may be given out. Called on the codec
// pool's threads, several at once, and may take its time there; what it throws counts as a refusal.
// Where there is one, streams have no previews.
class ContentFilter {
 public:
  virtual ~ContentFilter() = default;

  // Before anything is made; an image to begin from is not read yet. Not OK: the caller gets
  // PERMISSION_DENIED with this message.
  virtual absl::Status CheckPrompt(const ImageRequest& request) const = 0;

  // After an image was made. False: the caller gets no picture, and FINISH_REASON_FILTERED.
  virtual bool AllowsImage(const ImageRequest& request, const RgbImage& image) const = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONTENT_FILTER_H_
