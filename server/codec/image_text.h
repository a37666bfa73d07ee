#ifndef DARKROOM_SERVER_CODEC_IMAGE_TEXT_H_
#define DARKROOM_SERVER_CODEC_IMAGE_TEXT_H_

#include <string>

namespace darkroom {

// A named text inside an image file, UTF-8.
struct ImageText {
  std::string key;  // 1 to 79 letters.
  std::string text;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CODEC_IMAGE_TEXT_H_
