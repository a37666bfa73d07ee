#ifndef DARKROOM_BATCHER_ROW_H_
#define DARKROOM_BATCHER_ROW_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace darkroom {

using RowId = uint64_t;

// Rows with equal keys may share a pass: the height and width of their latents.
struct BatchKey {
  int height = 1;  // At least 1, both.
  int width = 1;

  int64_t area() const { return int64_t{height} * width; }

  bool operator==(const BatchKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H hash, const BatchKey& key) {
    return H::combine(std::move(hash), key.height, key.width);
  }
};

enum class Priority { kHigh, kNormal, kLow };
inline constexpr size_t kPriorities = 3;

// How far an image has come: no device call has touched it, it has steps left, it has none.
enum class RowStage { kQueued, kDenoise, kDecode };

// One image, as far as batching is concerned.
struct Row {
  RowId id = 0;
  int steps = 1;    // Not negative.
  int samples = 2;  // That it brings to a UNet pass: 2 with guidance, else 1.
};

// The images of one call: accepted or refused together, and equal in the order.
struct BatchRequest {
  std::vector<Row> rows;  // At least one, with ids that no other row has.
  BatchKey key;
  int64_t pixels = 0;  // Of each image.
  Priority priority = Priority::kNormal;
  std::string tenant;  // Whose fair part of the device it is made in.
  absl::Time deadline = absl::InfiniteFuture();
};

// A request goes by the id of its first row.
inline RowId IdOf(const BatchRequest& request) { return request.rows.front().id; }

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ROW_H_
