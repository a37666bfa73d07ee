#include "model/sampling/euler_ancestral_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigmas.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class EulerAncestralSampler final : public Sampler {
 public:
  EulerAncestralSampler(PredictionType prediction, std::vector<double> timesteps, at::Tensor sigmas,
                        float initial_sigma)
      : Sampler(std::move(timesteps)),
        prediction_(prediction),
        sigmas_(std::move(sigmas)),
        initial_sigma_(initial_sigma) {}

  std::unique_ptr<Sampler> Clone() const override {
    return std::make_unique<EulerAncestralSampler>(*this);
  }

  float initial_sigma() const override { return initial_sigma_; }

  at::Tensor ScaleModelInput(const at::Tensor& latents) const override {
    return ScaleBySigma(latents, Sigma(pass_));
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents,
                  RequestNoise& noise) override {
    const at::Tensor from = Sigma(pass_);
    const at::Tensor to = Sigma(pass_ + 1);
    const at::Tensor up = (to.pow(2) * (from.pow(2) - to.pow(2)) / from.pow(2)).pow(0.5);
    const at::Tensor down = (to.pow(2) - up.pow(2)).pow(0.5);
    const at::Tensor denoised = DenoisedBySigma(prediction_, prediction, latents, from);
    const at::Tensor derivative = (latents - denoised) / from;
    const at::Tensor next = latents + derivative * (down - from) + noise.Draw(latents.sizes()) * up;
    ++pass_;
    return next;
  }

 private:
  at::Tensor Sigma(size_t pass) const { return sigmas_[static_cast<int64_t>(pass)]; }

  PredictionType prediction_;
  at::Tensor sigmas_;
  float initial_sigma_;
};

}  // namespace

std::unique_ptr<Sampler> MakeEulerAncestralSampler(const SchedulerConfig& config,
                                                   const NoiseLevels& levels, int steps,
                                                   TimestepSpacing spacing) {
  const std::vector<double> timesteps =
      InFloat32(SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset));
  const at::Tensor sigmas = SigmasOf(levels, timesteps);
  return std::make_unique<EulerAncestralSampler>(config.prediction, timesteps, sigmas,
                                                 InitialSigma(sigmas, spacing));
}

}  // namespace darkroom
