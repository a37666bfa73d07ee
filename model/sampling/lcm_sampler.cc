#include "model/sampling/lcm_sampler.h"

#include <ATen/ATen.h>

#include <cmath>

namespace darkroom {
namespace {

constexpr double kSigmaData = 0.5;

class LcmSampler final : public Sampler {
 public:
  LcmSampler(const SchedulerConfig& config, at::Tensor alphas, std::vector<double> timesteps)
      : Sampler(std::move(timesteps)),
        prediction_(config.prediction),
        clip_(config.clip_sample.value_or(false)),
        clip_range_(config.clip_sample_range),
        timestep_scaling_(config.timestep_scaling),
        alphas_(std::move(alphas)) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<LcmSampler>(*this); }

  at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const override {
    const at::Tensor alpha = Alpha(pass_);
    return alpha.pow(0.5) * latents + (1 - alpha).pow(0.5) * noise;
  }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    const at::Tensor alpha = Alpha(pass_);
    const at::Tensor beta = 1 - alpha;
    const at::Tensor denoised = prediction_ == PredictionType::kEpsilon
                                    ? (latents - beta.sqrt() * prediction) / alpha.sqrt()
                                    : alpha.sqrt() * latents - beta.sqrt() * prediction;
    return clip_ ? denoised.clamp(-clip_range_, clip_range_) : denoised;
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents,
                  RequestNoise& noise) override {
    const bool is_last = pass_ + 1 == timesteps().size();
    const at::Tensor denoised = Denoised(prediction, latents);
    // The boundary condition: at timestep 0 the latents are the image.
    const at::Tensor scaled = at::tensor(timestep()) * timestep_scaling_;
    const at::Tensor norm = scaled.pow(2) + kSigmaData * kSigmaData;
    const at::Tensor image =
        scaled / norm.pow(0.5) * denoised + kSigmaData * kSigmaData / norm * latents;
    ++pass_;
    if (is_last) return image;
    const at::Tensor next_alpha = Alpha(pass_);
    return next_alpha.sqrt() * image + (1 - next_alpha).sqrt() * noise.Draw(latents.sizes());
  }

 private:
  at::Tensor Alpha(size_t pass) const { return alphas_[static_cast<int64_t>(timesteps()[pass])]; }

  PredictionType prediction_;
  bool clip_;
  double clip_range_;
  double timestep_scaling_;
  at::Tensor alphas_;  // Cumulative products, of each training timestep.
};

}  // namespace

std::unique_ptr<Sampler> MakeLcmSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                        int steps) {
  const int64_t trained = config.original_inference_steps;
  const int64_t stride = config.train_timesteps / trained;
  std::vector<double> timesteps;
  for (int i = 0; i < steps; ++i) {
    // Spread over the trained timesteps stride - 1, 2 stride - 1, ..., from the largest.
    const auto skipped = static_cast<int64_t>(
        std::floor(i * (static_cast<double>(trained) / static_cast<double>(steps))));
    timesteps.push_back(static_cast<double>((trained - skipped) * stride - 1));
  }
  return std::make_unique<LcmSampler>(config, levels.alphas_cumprod(), timesteps);
}

}  // namespace darkroom
