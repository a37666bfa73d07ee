#include "server/codec/lanczos.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

namespace darkroom {
namespace {

constexpr double kLobes = 3;
constexpr int kWeightBits = 22;

double Sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return x >= -kLobes && x < kLobes ? Sinc(x) * Sinc(x / kLobes) : 0; }

// What one pixel of the result is made of.
struct Taps {
  int first = 0;
  std::vector<int> weights;  // In units of 2^-22.
};

std::vector<Taps> TapsFor(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double support = kLobes * stretch;
  std::vector<Taps> taps(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    Taps& t = taps[static_cast<size_t>(i)];
    t.first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), from);
    std::vector<double> weights;
    double sum = 0;
    for (int x = 0; x < end - t.first; ++x) {
      weights.push_back(Lanczos((x + t.first - center + 0.5) * (1 / stretch)));
      sum += weights.back();
    }
    for (double weight : weights) {
      if (sum != 0) weight /= sum;
      const double fixed = weight * (1 << kWeightBits);
      t.weights.push_back(static_cast<int>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return taps;
}

// The pixel in the middle of these taps; `from` is the first of them, the next `stride` bytes on.
void Mix(const Taps& taps, const uint8_t* from, size_t stride, uint8_t* to) {
  int sums[3] = {1 << (kWeightBits - 1), 1 << (kWeightBits - 1), 1 << (kWeightBits - 1)};
  for (const int weight : taps.weights) {
    for (size_t c = 0; c < 3; ++c) sums[c] += from[c] * weight;
    from += stride;
  }
  for (size_t c = 0; c < 3; ++c) {
    to[c] = static_cast<uint8_t>(std::clamp(sums[c] >> kWeightBits, 0, 255));
  }
}

RgbImage Blank(ImageSize size) {
  RgbImage image{size, {}};
  image.pixels.resize(static_cast<size_t>(size.height) * static_cast<size_t>(size.width) * 3);
  return image;
}

RgbImage ResizeWidth(const RgbImage& image, int width) {
  const std::vector<Taps> taps = TapsFor(image.size.width, width);
  RgbImage result = Blank({image.size.height, width});
  uint8_t* to = result.pixels.data();
  const size_t stride = static_cast<size_t>(image.size.width) * 3;
  for (int y = 0; y < image.size.height; ++y) {
    const uint8_t* row = image.pixels.data() + static_cast<size_t>(y) * stride;
    for (const Taps& t : taps) {
      Mix(t, row + static_cast<size_t>(t.first) * 3, 3, to);
      to += 3;
    }
  }
  return result;
}

RgbImage ResizeHeight(const RgbImage& image, int height) {
  RgbImage result = Blank({height, image.size.width});
  uint8_t* to = result.pixels.data();
  const size_t stride = static_cast<size_t>(image.size.width) * 3;
  for (const Taps& t : TapsFor(image.size.height, height)) {
    const uint8_t* first = image.pixels.data() + static_cast<size_t>(t.first) * stride;
    for (size_t x = 0; x < stride; x += 3) {
      Mix(t, first + x, stride, to);
      to += 3;
    }
  }
  return result;
}

}  // namespace

RgbImage ResizeLanczos(RgbImage image, ImageSize size) {
  const bool rows_first = size.height < image.size.height &&
                          image.size.height - size.height > 2 * (image.size.width - size.width);
  if (rows_first) image = ResizeHeight(image, size.height);
  if (image.size.width != size.width) image = ResizeWidth(image, size.width);
  if (image.size.height != size.height) image = ResizeHeight(image, size.height);
  return image;
}

}  // namespace darkroom
