#ifndef DARKROOM_MODEL_SAMPLING_TIMESTEPS_H_
#define DARKROOM_MODEL_SAMPLING_TIMESTEPS_H_

#include <cstdint>
#include <vector>

#include "model/image_generator.h"

namespace darkroom {

// Timesteps of `steps` steps, falling, as the schedulers of diffusers choose them by numpy.
// Trailing ones are one too many for some numbers of steps, for their count comes from a rounded
// division.

// Euler's, Heun's and, rounded, DDIM's.
std::vector<double> SpreadTimesteps(TimestepSpacing spacing, int steps, int64_t train,
                                    int64_t offset);

// The multistep solvers': whole numbers, spread as if for one step more, of which the last is left
// out; trailing ones are as above.
std::vector<double> SpreadMultistepTimesteps(TimestepSpacing spacing, int steps, int64_t train,
                                             int64_t offset);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_TIMESTEPS_H_
