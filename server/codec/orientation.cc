#include "server/codec/orientation.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace darkroom {
namespace {

// EXIF 2.32, table 6: how row and column of the stored pixels become those of the upright ones.
struct Turn {
  bool swaps;  // Rows become columns.
  bool flips_rows, flips_columns;
};

constexpr Turn kTurns[] = {{false, false, false}, {false, false, true}, {false, true, true},
                           {false, true, false},  {true, false, false}, {true, true, false},
                           {true, true, true},    {true, false, true}};

const Turn& TurnOf(int orientation) { return kTurns[orientation - 1]; }

}  // namespace

ImageSize UprightSize(ImageSize stored, int orientation) {
  if (TurnOf(orientation).swaps) std::swap(stored.height, stored.width);
  return stored;
}

RgbImage Upright(RgbImage stored, int orientation) {
  const Turn& turn = TurnOf(orientation);
  if (!turn.swaps && !turn.flips_rows && !turn.flips_columns) return stored;
  RgbImage upright{UprightSize(stored.size, orientation), {}};
  upright.pixels.resize(stored.pixels.size());
  uint8_t* out = upright.pixels.data();
  for (int y = 0; y < upright.size.height; ++y) {
    for (int x = 0; x < upright.size.width; ++x) {
      int row = turn.swaps ? x : y;
      int column = turn.swaps ? y : x;
      if (turn.flips_rows) row = stored.size.height - 1 - row;
      if (turn.flips_columns) column = stored.size.width - 1 - column;
      const size_t at = (static_cast<size_t>(row) * static_cast<size_t>(stored.size.width) +
                         static_cast<size_t>(column)) *
                        3;
      out = std::copy_n(stored.pixels.data() + at, 3, out);
    }
  }
  return upright;
}

}  // namespace darkroom
