#ifndef DARKROOM_BATCHER_COST_MODEL_H_
#define DARKROOM_BATCHER_COST_MODEL_H_

#include <vector>

#include "batcher/row.h"
#include "batcher/time_table.h"

namespace darkroom {

enum class CallKind { kStart, kStep, kFinish };

// What a row asks of a device: seconds, alone in its calls.
struct RowCosts {
  double start = 0;
  double step = 0;
  double step_fixed = 0;  // The part of `step` that rows of a pass share.
  double finish = 0;
};

// What device calls take, learned from those that were made. As long as nothing is known,
// everything costs nothing. Not thread-safe.
class CostModel {
 public:
  // From now on passes are padded to these sizes, as in BatchOptions, and cost what those do.
  void PadTo(const std::vector<int>& padded_sizes) { padded_sizes_ = padded_sizes; }

  // A call took this long. `size` is its rows or, for a step, its UNet samples.
  void Observe(CallKind kind, const BatchKey& key, int size, double seconds);

  // Seconds of a call, by rows.
  double Start(const BatchKey& key, int rows) const { return start_.At(key, rows); }
  double Finish(const BatchKey& key, int rows) const { return finish_.At(key, rows); }
  // Seconds of a UNet pass, by samples before padding.
  double Step(const BatchKey& key, int samples) const { return step_.At(key, Padded(samples)); }

  RowCosts CostsOf(const BatchKey& key, const Row& row) const;
  // Seconds of the row in batches of so many rows like it.
  double WorkOf(const BatchKey& key, const Row& row, int batch_size) const;

  // Samples of the pass that so many samples are padded to.
  int Padded(int samples) const;

 private:
  // Seconds of a row's pass that rows in it share.
  double FixedPartOfStep(const BatchKey& key, int samples) const;

  std::vector<int> padded_sizes_;
  TimeTable start_{TimeTable::Growth::kBySize};  // Prompts know nothing of areas.
  TimeTable step_{TimeTable::Growth::kBySizeAndArea};
  TimeTable finish_{TimeTable::Growth::kBySizeAndArea};
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_COST_MODEL_H_
