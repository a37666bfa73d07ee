#ifndef DARKROOM_MODEL_SAMPLING_DDIM_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_DDIM_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Deterministic steps on variance-preserving latents: diffusers' DDIMScheduler with eta 0 (arXiv
// 2010.02502).
std::unique_ptr<Sampler> MakeDdimSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                         int steps, TimestepSpacing spacing);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_DDIM_SAMPLER_H_
