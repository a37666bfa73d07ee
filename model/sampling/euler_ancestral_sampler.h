#ifndef DARKROOM_MODEL_SAMPLING_EULER_ANCESTRAL_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_EULER_ANCESTRAL_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Euler steps that overshoot and put fresh noise back: diffusers' EulerAncestralDiscreteScheduler.
std::unique_ptr<Sampler> MakeEulerAncestralSampler(const SchedulerConfig& config,
                                                   const NoiseLevels& levels, int steps,
                                                   TimestepSpacing spacing);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_EULER_ANCESTRAL_SAMPLER_H_
