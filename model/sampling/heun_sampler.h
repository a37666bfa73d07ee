#ifndef DARKROOM_MODEL_SAMPLING_HEUN_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_HEUN_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Two UNet passes a step, the second to correct the first's slope: diffusers' HeunDiscreteScheduler
// (algorithm 1 of arXiv 2206.00364 without churn).
std::unique_ptr<Sampler> MakeHeunSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                         int steps, TimestepSpacing spacing);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_HEUN_SAMPLER_H_
