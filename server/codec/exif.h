#ifndef DARKROOM_SERVER_CODEC_EXIF_H_
#define DARKROOM_SERVER_CODEC_EXIF_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/codec/image_text.h"

namespace darkroom {

// The orientation, 1 to 8, of an EXIF block: a TIFF file, with or without "Exif\0\0" before it. 1
// where there is none, or none that can be read.
int ReadOrientation(std::string_view exif);

// An EXIF block (EXIF 2.32, without "Exif\0\0") with the text "parameters" as UserComment and the
// text "darkroom" as ImageDescription. That field is ASCII: other letters become "?". Where the
// block would be larger than `max_bytes`, ImageDescription is left out, then UserComment; empty
// when nothing is left.
std::string WriteExif(const std::vector<ImageText>& texts, size_t max_bytes);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_EXIF_H_
