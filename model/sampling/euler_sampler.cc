#include "model/sampling/euler_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigma_sampler.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class EulerSampler final : public SigmaSampler {
 public:
  using SigmaSampler::SigmaSampler;

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<EulerSampler>(*this); }

  // Longer than latents + noise * (next - sigma), but it is diffusers' order of float operations.
  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const at::Tensor sigma = Sigma(pass_);
    const at::Tensor derivative = (latents - Denoised(prediction, latents)) / sigma;
    ++pass_;
    return latents + derivative * (Sigma(pass_) - sigma);
  }
};

}  // namespace

std::unique_ptr<Sampler> MakeEulerSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing) {
  const std::vector<double> timesteps =
      InFloat32(SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset));
  return std::make_unique<EulerSampler>(config.prediction, timesteps, SigmasOf(levels, timesteps),
                                        spacing);
}

}  // namespace darkroom
