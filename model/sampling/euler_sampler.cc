#include "model/sampling/euler_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigmas.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class EulerSampler final : public Sampler {
 public:
  EulerSampler(PredictionType prediction, std::vector<double> timesteps, at::Tensor sigmas,
               float initial_sigma)
      : Sampler(std::move(timesteps)),
        prediction_(prediction),
        sigmas_(std::move(sigmas)),
        initial_sigma_(initial_sigma) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<EulerSampler>(*this); }

  float initial_sigma() const override { return initial_sigma_; }

  at::Tensor ScaleModelInput(const at::Tensor& latents) const override {
    return ScaleBySigma(latents, Sigma(pass_));
  }

  // Longer than latents + noise * (next - sigma), but it is diffusers' order of float operations.
  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const at::Tensor sigma = Sigma(pass_);
    const at::Tensor denoised = DenoisedBySigma(prediction_, prediction, latents, sigma);
    const at::Tensor derivative = (latents - denoised) / sigma;
    const at::Tensor next = latents + derivative * (Sigma(pass_ + 1) - sigma);
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

std::unique_ptr<Sampler> MakeEulerSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing) {
  const std::vector<double> timesteps =
      InFloat32(SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset));
  const at::Tensor sigmas = SigmasOf(levels, timesteps);
  return std::make_unique<EulerSampler>(config.prediction, timesteps, sigmas,
                                        InitialSigma(sigmas, spacing));
}

}  // namespace darkroom
