#include "model/sampling/dpmpp_sampler.h"

#include <ATen/ATen.h>

#include <cmath>

#include "model/sampling/sigmas.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

constexpr double kRho = 7;

class DpmppSampler final : public Sampler {
 public:
  DpmppSampler(const SchedulerConfig& config, bool sde, std::vector<double> timesteps,
               at::Tensor sigmas)
      : Sampler(std::move(timesteps)),
        prediction_(config.prediction),
        sde_(sde),
        sigmas_(std::move(sigmas)) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<DpmppSampler>(*this); }

  at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const override {
    const Shares now(Sigma(pass_));
    return now.alpha * latents + now.sigma * noise;
  }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    return DenoisedByShares(prediction_, prediction, latents, Shares(Sigma(pass_)));
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents,
                  RequestNoise& noise) override {
    const Shares now(Sigma(pass_));
    const Shares next(Sigma(pass_ + 1));
    const at::Tensor denoised = Denoised(prediction, latents);
    const at::Tensor h = next.lambda - now.lambda;
    // The image that the step aims at; from the second on, carried on from the last one's.
    at::Tensor correction;
    const bool is_last = pass_ + 1 == timesteps().size();
    if (last_denoised_.defined() && !is_last) {
      const at::Tensor r = (now.lambda - Shares(Sigma(pass_ - 1)).lambda) / h;
      correction = 1.0 / r * (denoised - last_denoised_);
    }
    const at::Tensor result = sde_ ? SdeStep(latents, denoised, correction, now, next, h, noise)
                                   : OdeStep(latents, denoised, correction, now, next, h);
    last_denoised_ = denoised;
    ++pass_;
    return result;
  }

 private:
  at::Tensor Sigma(size_t pass) const { return sigmas_[static_cast<int64_t>(pass)]; }

  static at::Tensor OdeStep(const at::Tensor& latents, const at::Tensor& denoised,
                            const at::Tensor& correction, const Shares& now, const Shares& next,
                            const at::Tensor& h) {
    const at::Tensor weight = next.alpha * ((-h).exp() - 1.0);
    const at::Tensor first = next.sigma / now.sigma * latents - weight * denoised;
    return correction.defined() ? first - 0.5 * weight * correction : first;
  }

  static at::Tensor SdeStep(const at::Tensor& latents, const at::Tensor& denoised,
                            const at::Tensor& correction, const Shares& now, const Shares& next,
                            const at::Tensor& h, RequestNoise& noise) {
    const at::Tensor weight = next.alpha * (1 - (-2.0 * h).exp());
    const at::Tensor fresh =
        next.sigma * (1.0 - (-2 * h).exp()).sqrt() * noise.Draw(latents.sizes(), at::kFloat);
    const at::Tensor first = next.sigma / now.sigma * (-h).exp() * latents + weight * denoised;
    return (correction.defined() ? first + 0.5 * weight * correction : first) + fresh;
  }

  PredictionType prediction_;
  bool sde_;
  at::Tensor sigmas_;
  at::Tensor last_denoised_;  // Undefined before the first step.
};

// Sigmas whose roots are evenly spaced, from the largest of training to the smallest.
std::vector<double> KarrasSigmas(const NoiseLevels& levels, int steps) {
  const double smallest = std::pow(levels.sigmas().front(), 1 / kRho);
  const double largest = std::pow(levels.sigmas().back(), 1 / kRho);
  std::vector<double> sigmas;
  for (int i = 0; i < steps; ++i) {
    const double ramp = steps == 1 ? 0 : i == steps - 1 ? 1 : i * (1.0 / (steps - 1));
    sigmas.push_back(std::pow(largest + ramp * (smallest - largest), kRho));
  }
  return sigmas;
}

}  // namespace

std::unique_ptr<Sampler> MakeDpmppSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing,
                                          const DpmppVariant& variant) {
  if (!variant.karras) {
    const std::vector<double> timesteps =
        SpreadMultistepTimesteps(spacing, steps, config.train_timesteps, config.steps_offset);
    return std::make_unique<DpmppSampler>(config, variant.sde, timesteps,
                                          SigmasOf(levels, timesteps));
  }
  std::vector<double> timesteps;
  std::vector<float> sigmas;
  for (const double sigma : KarrasSigmas(levels, steps)) {
    timesteps.push_back(std::nearbyint(levels.TimestepOf(sigma)));
    sigmas.push_back(static_cast<float>(sigma));
  }
  sigmas.push_back(0);
  return std::make_unique<DpmppSampler>(config, variant.sde, timesteps, at::tensor(sigmas));
}

}  // namespace darkroom
