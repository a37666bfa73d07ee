#include "batcher/batch_caps.h"

#include <algorithm>
#include <climits>

namespace darkroom {
namespace {

constexpr absl::Duration kFirstHold = absl::Minutes(1);
constexpr absl::Duration kLongestHold = absl::Minutes(16);
constexpr size_t kMaxCaps = 64;
// Of the memory, for what libraries take beside tensors and for rows that wait between their steps.
constexpr double kUsedShare = 0.8;

}  // namespace

void BatchCaps::OnMeasured(CallKind kind, const BatchKey& key, int rows, int64_t bytes) {
  Measured& measured = measured_[kind];
  const int64_t latents = rows * key.area();
  const double bytes_per_latent = static_cast<double>(bytes) / static_cast<double>(latents);
  if (latents < measured.latents) return;
  if (latents == measured.latents && bytes_per_latent < measured.bytes_per_latent) return;
  measured = {latents, bytes_per_latent};
}

double BatchCaps::RowsInMemory(CallKind kind, const BatchKey& key) const {
  const auto measured = measured_.find(kind);
  if (measured == measured_.end() || memory_ == INT64_MAX) return INT_MAX;
  const double row = measured->second.bytes_per_latent * static_cast<double>(key.area());
  if (row <= 0) return INT_MAX;
  return std::min<double>(kUsedShare * static_cast<double>(memory_) / row, INT_MAX);
}

void BatchCaps::OnOutOfMemory(CallKind kind, const BatchKey& key, int rows, absl::Time now) {
  if (caps_.size() >= kMaxCaps && !caps_.contains({kind, key})) {
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
  int limit = std::min(max_rows, static_cast<int>(RowsInMemory(kind, key)));
  for (const auto& [name, cap] : caps_) {
    const auto& [cap_kind, cap_key] = name;
    if (cap_kind != kind || cap.until <= now || cap_key.area() > key.area()) continue;
    limit = std::min(limit, static_cast<int>(cap.rows * cap_key.area() / key.area()));
  }
  return std::max(limit, 1);
}

}  // namespace darkroom
