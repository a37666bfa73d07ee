#ifndef DARKROOM_MODEL_SAMPLING_DPMPP_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_DPMPP_SAMPLER_H_

#include <memory>

#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// The variants of DPM-Solver++ (arXiv 2211.01095), second order, midpoint.
struct DpmppVariant {
  bool karras = false;  // Noise levels as in arXiv 2206.00364, equation 5, with rho 7.
  bool sde = false;     // Puts fresh noise back at every step.
};

// Multistep: diffusers' DPMSolverMultistepScheduler with dpmsolver++ or sde-dpmsolver++.
std::unique_ptr<Sampler> MakeDpmppSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing,
                                          const DpmppVariant& variant);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_DPMPP_SAMPLER_H_
