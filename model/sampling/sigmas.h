#ifndef DARKROOM_MODEL_SAMPLING_SIGMAS_H_
#define DARKROOM_MODEL_SAMPLING_SIGMAS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/sampling/noise_levels.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// The timesteps as float32 knows them.
std::vector<double> InFloat32(std::vector<double> timesteps);

// A sigma for each timestep and a last one of 0, float32.
at::Tensor SigmasOf(const NoiseLevels& levels, const std::vector<double>& timesteps);

// The UNet's prediction as an image without noise, where latents are image + sigma * noise.
at::Tensor DenoisedBySigma(PredictionType type, const at::Tensor& prediction,
                           const at::Tensor& latents, const at::Tensor& sigma);

// A sigma as the shares of image and noise that variance-preserving latents are made of, and the
// logarithm of their ratio.
struct Shares {
  explicit Shares(const at::Tensor& sigma_of_noise);

  at::Tensor alpha, sigma, lambda;
};

// As DenoisedBySigma, where latents are alpha * image + sigma * noise.
at::Tensor DenoisedByShares(PredictionType type, const at::Tensor& prediction,
                            const at::Tensor& latents, const Shares& shares);

// The strength of the first noise where latents are image + sigma * noise.
float InitialSigma(const at::Tensor& sigmas, TimestepSpacing spacing);

// latents / sqrt(sigma^2 + 1)
at::Tensor ScaleBySigma(const at::Tensor& latents, const at::Tensor& sigma);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_SIGMAS_H_
