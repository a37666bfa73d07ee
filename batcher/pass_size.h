#ifndef DARKROOM_BATCHER_PASS_SIZE_H_
#define DARKROOM_BATCHER_PASS_SIZE_H_

#include <span>

#include "batcher/admitted_request.h"
#include "batcher/cost_model.h"

namespace darkroom {

// A row that may be in the next pass, with its request.
struct Candidate {
  const AdmittedRequest* request;
  const AdmittedRow* row;
};

// How many of the candidates, from the first on, to give the next pass: at least one if there are
// any.
//
// Whole requests are added as long as `pressure` (how many requests, here and to come, gain from
// device time that is saved) times the time saved outweighs the delay of the requests that are in
// already. Rows join running ones only for a clear gain, so that they come in groups and share
// their first and last calls. For equal rows and passes of t0 + t1 * rows this is
// sqrt(pressure * t0 / t1) rows: the size of groups that lets them finish earliest on average.
size_t PassSize(std::span<const Candidate> candidates, const CostModel& costs, double pressure);

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_PASS_SIZE_H_
