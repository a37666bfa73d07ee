#include "batcher/batch_caps.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr absl::Duration kFirstHold = absl::Minutes(1);
constexpr absl::Duration kLongestHold = absl::Minutes(16);
constexpr size_t kMaxCaps = 64;

}  // namespace

void BatchCaps::OnOutOfMemory(CallKind kind, const BatchKey& key, int rows, absl::Time now) {
  if (caps_.size() >= kMaxCaps) {
    absl::erase_if(caps_, [now](const auto& entry) { return entry.second.until <= now; });
    if (caps_.size() >= kMaxCaps) return;
  }
  Cap& cap = caps_[{kind, key}];
  if (cap.until <= now) {  // Not another half of the call that failed already.
    cap.rows = rows;
    cap.hold = std::clamp(2 * cap.hold, kFirstHold, kLongestHold);
  }
  cap.rows = std::max(std::min(cap.rows, rows / 2), 1);
  cap.until = now + cap.hold;
}

int BatchCaps::Limit(CallKind kind, const BatchKey& key, int max_rows, absl::Time now) const {
  int limit = max_rows;
  for (const auto& [name, cap] : caps_) {
    const auto& [cap_kind, cap_key] = name;
    if (cap_kind != kind || cap.until <= now || cap_key.area() > key.area()) continue;
    limit = std::min(limit, static_cast<int>(cap.rows * cap_key.area() / key.area()));
  }
  return std::max(limit, 1);
}

}  // namespace darkroom
