#include "model/sampling/heun_sampler.h"

#include <ATen/ATen.h>

#include "model/sampling/sigma_sampler.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

class HeunSampler final : public SigmaSampler {
 public:
  // `sigmas` and `timesteps` come twice, but for the first and the last.
  HeunSampler(const SchedulerConfig& config, std::vector<double> timesteps, at::Tensor sigmas,
              TimestepSpacing spacing)
      : SigmaSampler(config.prediction, std::move(timesteps), std::move(sigmas), spacing),
        clip_(config.clip_sample.value_or(false)),
        clip_range_(config.clip_sample_range) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<HeunSampler>(*this); }

  int order() const override { return 2; }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    const at::Tensor denoised = SigmaSampler::Denoised(prediction, latents);
    return clip_ ? denoised.clamp(-clip_range_, clip_range_) : denoised;
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const at::Tensor sigma = Sigma(pass_);
    const at::Tensor slope = (latents - Denoised(prediction, latents)) / sigma;
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
  bool clip_;
  double clip_range_;
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
  return std::make_unique<HeunSampler>(config, timesteps, twice, spacing);
}

}  // namespace darkroom
