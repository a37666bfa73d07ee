#include "model/sampling/ddim_sampler.h"

#include <ATen/ATen.h>

#include <cmath>

#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class DdimSampler final : public Sampler {
 public:
  DdimSampler(const SchedulerConfig& config, at::Tensor alphas, std::vector<double> timesteps,
              int steps)
      : Sampler(std::move(timesteps)),
        prediction_(config.prediction),
        clip_(config.clip_sample.value_or(true)),
        clip_range_(config.clip_sample_range),
        stride_(config.train_timesteps / steps),
        alphas_(std::move(alphas)),
        last_alpha_(config.set_alpha_to_one ? at::ones({}) : alphas_[0]) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<DdimSampler>(*this); }

  at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const override {
    const at::Tensor alpha = alphas_[static_cast<int64_t>(timestep())];
    return alpha.pow(0.5) * latents + (1 - alpha).pow(0.5) * noise;
  }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    const at::Tensor alpha = alphas_[static_cast<int64_t>(timestep())];
    const at::Tensor beta = 1 - alpha;
    const at::Tensor denoised = prediction_ == PredictionType::kEpsilon
                                    ? (latents - beta.pow(0.5) * prediction) / alpha.pow(0.5)
                                    : alpha.pow(0.5) * latents - beta.pow(0.5) * prediction;
    return clip_ ? denoised.clamp(-clip_range_, clip_range_) : denoised;
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const auto now = static_cast<int64_t>(timestep());
    const at::Tensor alpha = alphas_[now];
    const at::Tensor next_alpha = now - stride_ >= 0 ? alphas_[now - stride_] : last_alpha_;
    const at::Tensor beta = 1 - alpha;
    const at::Tensor denoised = Denoised(prediction, latents);
    const at::Tensor epsilon = prediction_ == PredictionType::kEpsilon
                                   ? prediction
                                   : alpha.pow(0.5) * prediction + beta.pow(0.5) * latents;
    ++pass_;
    return next_alpha.pow(0.5) * denoised + (1 - next_alpha).pow(0.5) * epsilon;
  }

 private:
  PredictionType prediction_;
  bool clip_;
  double clip_range_;
  int64_t stride_;
  at::Tensor alphas_;  // Cumulative products, of each training timestep.
  at::Tensor last_alpha_;
};

}  // namespace

std::unique_ptr<Sampler> MakeDdimSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                         int steps, TimestepSpacing spacing) {
  std::vector<double> timesteps =
      SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset);
  for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
  return std::make_unique<DdimSampler>(config, levels.alphas_cumprod(), timesteps, steps);
}

}  // namespace darkroom
