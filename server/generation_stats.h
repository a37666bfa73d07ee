#ifndef DARKROOM_SERVER_GENERATION_STATS_H_
#define DARKROOM_SERVER_GENERATION_STATS_H_

#include <span>

#include "absl/time/time.h"
#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/device_worker.h"

namespace darkroom {

// What a request cost: of its images' reports, at least one, the durations of the slowest, and the
// batches of all. `packing` is the longest time that a file took. `total` is left to each call.
v1::GenerationStats SummarizeReports(std::span<const ImageReport> reports, absl::Duration packing,
                                     const ImageRequest& request, const ModelInfo& model);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_STATS_H_
