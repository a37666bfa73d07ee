#include "batcher/cost_model.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr int kSamplesOfPaddedRow = 2;

}  // namespace

void CostModel::Observe(CallKind kind, const BatchKey& key, int size, double seconds) {
  switch (kind) {
    case CallKind::kStart: return start_.Observe(key, size, seconds);
    case CallKind::kStep: return step_.Observe(key, Padded(size), seconds);
    case CallKind::kFinish: return finish_.Observe(key, size, seconds);
  }
}

RowCosts CostModel::CostsOf(const BatchKey& key, const Row& row) const {
  const double step = Step(key, row.samples);
  return {.start = Start(key, 1),
          .step = step,
          .step_fixed = std::clamp(FixedPartOfStep(key, row.samples), 0.0, step),
          .finish = Finish(key, 1)};
}

double CostModel::FixedPartOfStep(const BatchKey& key, int samples) const {
  if (padded_sizes_.empty() || padded_sizes_.back() == 1) return step_.FixedPart(key);
  // What a row adds on the way to the largest pass: nothing, where all passes are padded to that.
  const int rows = padded_sizes_.back();
  const double alone = Step(key, samples);
  return alone - (Step(key, rows * samples) - alone) / (rows - 1);
}

double CostModel::WorkOf(const BatchKey& key, const Row& row, int batch_size) const {
  const double step = Step(key, batch_size * row.samples) / batch_size;
  return row.steps * step + (Start(key, batch_size) + Finish(key, batch_size)) / batch_size;
}

int CostModel::Padded(int samples) const {
  for (const int rows : padded_sizes_) {
    if (samples <= rows * kSamplesOfPaddedRow) return rows * kSamplesOfPaddedRow;
  }
  return samples;
}

}  // namespace darkroom
