#ifndef DARKROOM_BATCHER_ADMITTED_REQUEST_H_
#define DARKROOM_BATCHER_ADMITTED_REQUEST_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "batcher/cost_model.h"
#include "batcher/row.h"

namespace darkroom {

// What the terms of the due date weigh.
struct OrderWeights {
  double own_work = 0;     // Shorter requests first.
  double tenant_work = 0;  // Fair shares: behind what one's tenant has in the house already.
  double priority = 0;     // Seconds that HIGH gains and LOW loses.
};

// A row that has not ended.
struct AdmittedRow {
  RowId id = 0;
  int samples = 0;
  int steps_left = 0;
  bool started = false;
  RowCosts costs;              // As believed when it was admitted: for its place.
  RowCosts latest;             // As believed last: for its deadline.
  absl::Duration device_time;  // Its part in the calls that were made for it.

  RowStage stage() const {
    if (!started) return RowStage::kQueued;
    return steps_left > 0 ? RowStage::kDenoise : RowStage::kDecode;
  }

  // Seconds that the row would take alone from here.
  double Solo(const RowCosts& c) const {
    return (started ? 0 : c.start) + steps_left * c.step + c.finish;
  }
  double Solo() const { return Solo(costs); }
};

// A request in the house, with its place in the order. The place goes by costs that are believed
// when it is admitted, so that it can only improve.
struct AdmittedRequest {
  // `tenant_work` is what its tenant has in the house already, in Solo seconds.
  AdmittedRequest(const BatchRequest& request, absl::Time now, double tenant_work,
                  const CostModel& model);

  RowId id;
  BatchKey key;
  int64_t pixels;  // Of each image.
  Priority priority;
  std::string tenant;
  absl::Time arrival;
  absl::Time deadline;
  std::vector<AdmittedRow> rows;  // Those that have not ended, in the request's order.
  bool cancelled = false;
  // Its costs are doubtful: only the deadline itself makes it late, not what is left to do.
  bool is_probe = false;
  double tenant_work;
  double own_work = 0;  // Solo seconds of its unfinished rows, now.

  // Seconds since the Unix epoch; smaller goes first. Never rises.
  double Due(const OrderWeights& weights) const;

  // When the row must be under way, alone, to keep the deadline; infinite without one.
  absl::Time Latest(const AdmittedRow& row) const;
  // The earliest of its rows' times.
  absl::Time Latest() const;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ADMITTED_REQUEST_H_
