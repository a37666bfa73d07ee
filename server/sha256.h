#ifndef DARKROOM_SERVER_SHA256_H_
#define DARKROOM_SERVER_SHA256_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace darkroom {

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(std::string_view bytes);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SHA256_H_
