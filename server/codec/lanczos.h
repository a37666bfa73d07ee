#ifndef DARKROOM_SERVER_CODEC_LANCZOS_H_
#define DARKROOM_SERVER_CODEC_LANCZOS_H_

#include "model/image_generator.h"

namespace darkroom {

// The image at another size, bit for bit what the resize of Pillow 13 with LANCZOS gives: a
// windowed sinc of three lobes, widened where the image shrinks, with weights of 22 bits. Columns
// first, then rows, with 8 bits in between; but rows first where they shrink by more than twice as
// many pixels.
RgbImage ResizeLanczos(RgbImage image, ImageSize size);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_LANCZOS_H_
