#ifndef DARKROOM_SERVER_METRICS_SIZE_CLASS_H_
#define DARKROOM_SERVER_METRICS_SIZE_CLASS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace darkroom {

// Images by size, so that there are few label values whatever callers ask for: up to as many pixels
// as a square of 256, 512, 768 or 1024, and larger.
inline constexpr std::array kSizeClasses = {"256", "512", "768", "1024", "larger"};

// The index of an image's class.
constexpr size_t SizeClassOf(int64_t pixels) {
  for (size_t i = 0; i < 4; ++i) {
    const auto side = static_cast<int64_t>(i + 1) * 256;
    if (pixels <= side * side) return i;
  }
  return 4;
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_SIZE_CLASS_H_
