#ifndef DARKROOM_SERVER_CODEC_ORIENTATION_H_
#define DARKROOM_SERVER_CODEC_ORIENTATION_H_

#include "model/image_generator.h"

namespace darkroom {

// An image whose EXIF orientation, 1 to 8, is undone by turning and mirroring it.
ImageSize UprightSize(ImageSize stored, int orientation);
RgbImage Upright(RgbImage stored, int orientation);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_ORIENTATION_H_
