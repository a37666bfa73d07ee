#ifndef DARKROOM_BATCHER_ADMISSION_H_
#define DARKROOM_BATCHER_ADMISSION_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batcher/admitted_request.h"
#include "batcher/batch_options.h"
#include "batcher/row.h"
#include "batcher/row_table.h"

namespace darkroom {

// RESOURCE_EXHAUSTED when the request does not fit beside those that wait; the payload
// kTenantFull is there when it is its tenant's share that is full. INVALID_ARGUMENT when it would
// not fit alone. Rows that have started, beyond one batch, are paused: they hold memory, and wait
// as images again.
absl::Status CheckRoom(const BatchRequest& request, const RowTable& rows,
                       const BatchOptions& options);

inline constexpr char kTenantFull[] = "darkroom/tenant-full";

// What predictions are multiplied by before a deadline counts as missed: 1 as long as the device
// has time to spare, rising to 1.4 where arrivals ask for all of it. With time to spare a late
// start is often made good; without, what will be late only takes time from what will not.
double AdmissionFactor(double load);

// How long the request, which may be in the table or about to be, would take from now until its
// last image is done: its own work, that of all who are due before it, and what those add who share
// its passes, in the batches that a house so full makes. Later arrivals may overtake, so it is
// often exceeded.
absl::Duration PredictDuration(const AdmittedRequest& request, const RowTable& rows,
                               int max_batch_size);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ADMISSION_H_
