#ifndef DARKROOM_MODEL_SAMPLING_UNIPC_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_UNIPC_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Predictor and corrector in one pass a step: diffusers' UniPCMultistepScheduler, second order, bh2
// (arXiv 2302.04867).
std::unique_ptr<Sampler> MakeUniPcSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_UNIPC_SAMPLER_H_
