#ifndef DARKROOM_MODEL_SAMPLING_EULER_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_EULER_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Euler steps along the noise levels: diffusers' EulerDiscreteScheduler (algorithm 2 of arXiv
// 2206.00364 without churn).
std::unique_ptr<Sampler> MakeEulerSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_EULER_SAMPLER_H_
