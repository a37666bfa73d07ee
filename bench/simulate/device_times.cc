#include "bench/simulate/device_times.h"

#include <algorithm>

namespace darkroom::sim {
namespace {

constexpr int kObservations = 40;  // Enough for a cost model to believe them.

// Seconds of a UNet sample and of an image's decoding; other sizes by their area.
double SampleSeconds(const BatchKey& key) {
  if (key == kMedium) return 0.00703;
  if (key == kSmall) return 0.00307;
  return 0.01305 * static_cast<double>(key.area()) / static_cast<double>(kLarge.area());
}

double DecodeSeconds(const BatchKey& key) {
  return 0.040 * static_cast<double>(key.area()) / static_cast<double>(kLarge.area());
}

}  // namespace

int DeviceTimes::Padded(int samples) const {
  for (const int rows : padded_sizes) {
    if (samples <= 2 * rows) return 2 * rows;
  }
  return samples;
}

double DeviceTimes::Of(CallKind kind, const BatchKey& key, int size) const {
  if (measured) return measured->Of(kind, key, kind == CallKind::kStep ? Padded(size) : size);
  switch (kind) {
    case CallKind::kStart: return start_fixed + start_row * size;
    case CallKind::kStep: return step_fixed + step_scale * SampleSeconds(key) * Padded(size);
    case CallKind::kFinish: return finish_fixed + DecodeSeconds(key) * size;
  }
  return 0;
}

double DeviceTimes::Solo(const BatchRequest& request, int max_batch_size) const {
  double solo = 0;
  int left = static_cast<int>(request.rows.size());
  const Row& row = request.rows.front();
  for (int size = 0; left > 0; left -= size) {
    size = std::min(left, max_batch_size);
    solo += Of(CallKind::kStart, request.key, size) + Of(CallKind::kFinish, request.key, size) +
            row.steps * Of(CallKind::kStep, request.key, size * row.samples);
  }
  return solo;
}

double DeviceTimes::Work(const BatchRequest& request, int max_batch_size) const {
  double work = 0;
  for (const Row& row : request.rows) {
    work += row.steps * Of(CallKind::kStep, request.key, max_batch_size * row.samples) +
            Of(CallKind::kStart, request.key, max_batch_size) +
            Of(CallKind::kFinish, request.key, max_batch_size);
  }
  return work / max_batch_size;
}

CostModel DeviceTimes::Learned(const std::vector<BatchKey>& keys, int max_batch_size) const {
  CostModel model;
  model.PadTo(padded_sizes);
  const auto teach = [&](CallKind kind, const BatchKey& key, int size) {
    for (int i = 0; i < kObservations; ++i) model.Observe(kind, key, size, Of(kind, key, size));
  };
  for (const BatchKey& key : keys) {
    for (int rows = 1; rows <= max_batch_size; ++rows) {
      teach(CallKind::kStart, key, rows);
      teach(CallKind::kFinish, key, rows);
    }
    for (int samples = 1; samples <= 2 * max_batch_size; ++samples) {
      teach(CallKind::kStep, key, samples);
    }
  }
  return model;
}

}  // namespace darkroom::sim
