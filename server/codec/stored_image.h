#ifndef DARKROOM_SERVER_CODEC_STORED_IMAGE_H_
#define DARKROOM_SERVER_CODEC_STORED_IMAGE_H_

#include "model/image_generator.h"

namespace darkroom {

// What a file's header says of its pixels.
struct StoredImage {
  ImageSize size;       // As stored, before it is turned.
  int orientation = 1;  // EXIF's, 1 to 8.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_STORED_IMAGE_H_
