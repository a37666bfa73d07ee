#include "model/vae/vae_tiles.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

namespace darkroom {
namespace {

constexpr int64_t kOverlap = 4;  // One part of so many.

// Fades from the end of `before` into the beginning of `tile`, along dimension `dim`.
void Blend(const at::Tensor& before, at::Tensor& tile, int64_t extent, int64_t dim) {
  extent = std::min({extent, before.size(dim), tile.size(dim)});
  std::vector<int64_t> shape(4, 1);
  shape[static_cast<size_t>(dim)] = extent;
  const at::Tensor share = (at::arange(extent, at::kDouble) / static_cast<double>(extent))
                               .to(tile.options())
                               .view(shape);
  at::Tensor begin = tile.narrow(dim, 0, extent);
  begin.copy_(before.narrow(dim, before.size(dim) - extent, extent) * (1 - share) + begin * share);
}

}  // namespace

at::Tensor ForwardInTiles(const at::Tensor& x, const VaeTiles& tiles,
                          const std::function<at::Tensor(const at::Tensor&)>& half) {
  const int64_t stride = tiles.from * (kOverlap - 1) / kOverlap;
  const int64_t extent = tiles.to / kOverlap;
  const int64_t kept = tiles.to - extent;
  std::vector<at::Tensor> above;  // The tiles of the last row.
  std::vector<at::Tensor> rows;
  for (int64_t top = 0; top < x.size(2); top += stride) {
    std::vector<at::Tensor> row, kept_row;
    for (int64_t left = 0; left < x.size(3); left += stride) {
      at::Tensor tile =
          half(x.slice(2, top, top + tiles.from).slice(3, left, left + tiles.from)).contiguous();
      if (!above.empty()) Blend(above[row.size()], tile, extent, 2);
      if (!row.empty()) Blend(row.back(), tile, extent, 3);
      row.push_back(tile);
      kept_row.push_back(tile.slice(2, 0, kept).slice(3, 0, kept));
    }
    rows.push_back(at::cat(kept_row, 3));
    above = std::move(row);
  }
  return at::cat(rows, 2);
}

}  // namespace darkroom
