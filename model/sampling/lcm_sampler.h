#ifndef DARKROOM_MODEL_SAMPLING_LCM_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_LCM_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Few steps of a latent consistency model, with fresh noise after each but the last: diffusers'
// LCMScheduler (arXiv 2310.04378). Its timesteps are those of its training, so it knows no spacing.
// `steps` is at most config.original_inference_steps.
std::unique_ptr<Sampler> MakeLcmSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                        int steps);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_LCM_SAMPLER_H_
