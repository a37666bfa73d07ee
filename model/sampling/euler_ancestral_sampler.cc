#include "model/sampling/euler_ancestral_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigma_sampler.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class EulerAncestralSampler final : public SigmaSampler {
 public:
  using SigmaSampler::SigmaSampler;

  std::unique_ptr<Sampler> Clone() const override {
    return std::make_unique<EulerAncestralSampler>(*this);
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents,
                  RequestNoise& noise) override {
    const at::Tensor from = Sigma(pass_);
    const at::Tensor to = Sigma(pass_ + 1);
    const at::Tensor up = (to.pow(2) * (from.pow(2) - to.pow(2)) / from.pow(2)).pow(0.5);
    const at::Tensor down = (to.pow(2) - up.pow(2)).pow(0.5);
    const at::Tensor derivative = (latents - Denoised(prediction, latents)) / from;
    ++pass_;
    return latents + derivative * (down - from) + noise.Draw(latents.sizes()) * up;
  }
};

}  // namespace

std::unique_ptr<Sampler> MakeEulerAncestralSampler(const SchedulerConfig& config,
                                                   const NoiseLevels& levels, int steps,
                                                   TimestepSpacing spacing) {
  const std::vector<double> timesteps =
      InFloat32(SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset));
  return std::make_unique<EulerAncestralSampler>(config.prediction, timesteps,
                                                 SigmasOf(levels, timesteps), spacing);
}

}  // namespace darkroom
