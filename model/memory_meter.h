#ifndef DARKROOM_MODEL_MEMORY_METER_H_
#define DARKROOM_MODEL_MEMORY_METER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace darkroom {

// The most bytes that tensors on the CPU held at once while `work` ran, on whatever thread, beyond
// those that were there before. What libraries below torch take for themselves is not counted. One
// call at a time.
int64_t PeakBytesOf(absl::FunctionRef<void()> work);

// Bytes of memory that this process may still take before the machine, or a control group that it
// is in, runs out; INT64_MAX when none of them says.
int64_t AvailableBytes();

// Bytes of memory of the machine, or of the smallest control group that this process is in;
// likewise.
int64_t TotalBytes();

}  // namespace darkroom

#endif  // DARKROOM_MODEL_MEMORY_METER_H_
