#ifndef DARKROOM_MODEL_SAMPLING_SIGMA_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_SIGMA_SAMPLER_H_

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"
#include "model/sampling/sigmas.h"

namespace darkroom {

// What the samplers share whose latents are image + sigma * noise.
class SigmaSampler : public Sampler {
 public:
  // `sigmas` has one more than `timesteps`.
  SigmaSampler(PredictionType prediction, std::vector<double> timesteps, at::Tensor sigmas,
               TimestepSpacing spacing)
      : Sampler(std::move(timesteps)),
        prediction_(prediction),
        sigmas_(std::move(sigmas)),
        initial_sigma_(InitialSigma(sigmas_, spacing)) {}

  float initial_sigma() const override { return initial_sigma_; }

  at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const override {
    return latents + noise * Sigma(pass_);
  }

  at::Tensor ScaleModelInput(const at::Tensor& latents) const override {
    return ScaleBySigma(latents, Sigma(pass_));
  }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    return DenoisedBySigma(prediction_, prediction, latents, Sigma(pass_));
  }

 protected:
  at::Tensor Sigma(size_t pass) const { return sigmas_[static_cast<int64_t>(pass)]; }

 private:
  PredictionType prediction_;
  at::Tensor sigmas_;
  float initial_sigma_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_SIGMA_SAMPLER_H_
