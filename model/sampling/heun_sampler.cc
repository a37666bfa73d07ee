#include "model/sampling/heun_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigmas.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class HeunSampler final : public Sampler {
 public:
  HeunSampler(const SchedulerConfig& config, std::vector<double> timesteps, at::Tensor sigmas,
              float initial_sigma)
      : Sampler(std::move(timesteps)),
        prediction_(config.prediction),
        clip_(config.clip_sample.value_or(false)),
        clip_range_(config.clip_sample_range),
        sigmas_(std::move(sigmas)),
        initial_sigma_(initial_sigma) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<HeunSampler>(*this); }

  float initial_sigma() const override { return initial_sigma_; }

  at::Tensor ScaleModelInput(const at::Tensor& latents) const override {
    return ScaleBySigma(latents, Sigma(pass_));
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const at::Tensor sigma = Sigma(pass_);
    at::Tensor denoised = DenoisedBySigma(prediction_, prediction, latents, sigma);
    if (clip_) denoised = denoised.clamp(-clip_range_, clip_range_);
    const at::Tensor slope = (latents - denoised) / sigma;
    ++pass_;
    if (!first_slope_.defined()) {
      first_slope_ = slope;
      begin_ = latents;
      distance_ = Sigma(pass_) - sigma;
      return latents + slope * distance_;
    }
    const at::Tensor next = begin_ + (first_slope_ + slope) / 2 * distance_;
    first_slope_.reset();
    begin_.reset();
    return next;
  }

 private:
  at::Tensor Sigma(size_t pass) const { return sigmas_[static_cast<int64_t>(pass)]; }

  PredictionType prediction_;
  bool clip_;
  double clip_range_;
  at::Tensor sigmas_;  // Each but the first and last twice.
  float initial_sigma_;
  // Between the passes of a step: where it began, how far it goes, and its first slope.
  at::Tensor begin_, distance_, first_slope_;
};

}  // namespace

std::unique_ptr<Sampler> MakeHeunSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                         int steps, TimestepSpacing spacing) {
  const std::vector<double> once =
      InFloat32(SpreadTimesteps(spacing, steps, config.train_timesteps, config.steps_offset));
  const at::Tensor sigmas = SigmasOf(levels, once);
  std::vector<double> timesteps = {once.front()};
  for (size_t i = 1; i < once.size(); ++i) timesteps.insert(timesteps.end(), 2, once[i]);
  const at::Tensor twice = at::cat(
      {sigmas.slice(0, 0, 1), sigmas.slice(0, 1, -1).repeat_interleave(2), sigmas.slice(0, -1)});
  return std::make_unique<HeunSampler>(config, timesteps, twice, InitialSigma(sigmas, spacing));
}

}  // namespace darkroom
