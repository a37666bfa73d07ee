#include "model/sampling/sigmas.h"

#include <ATen/ATen.h>

#include <cmath>

namespace darkroom {

std::vector<double> InFloat32(std::vector<double> timesteps) {
  for (double& timestep : timesteps) timestep = static_cast<float>(timestep);
  return timesteps;
}

at::Tensor SigmasOf(const NoiseLevels& levels, const std::vector<double>& timesteps) {
  std::vector<float> sigmas;
  for (const double timestep : timesteps) {
    sigmas.push_back(static_cast<float>(levels.SigmaAt(timestep)));
  }
  sigmas.push_back(0);
  return at::tensor(sigmas);
}

at::Tensor DenoisedBySigma(PredictionType type, const at::Tensor& prediction,
                           const at::Tensor& latents, const at::Tensor& sigma) {
  if (type == PredictionType::kEpsilon) return latents - sigma * prediction;
  const at::Tensor norm = sigma.pow(2) + 1;
  return prediction * (-sigma / norm.pow(0.5)) + latents / norm;
}

Shares::Shares(const at::Tensor& sigma_of_noise)
    : alpha(1 / (sigma_of_noise.pow(2) + 1).pow(0.5)),
      sigma(sigma_of_noise * alpha),
      lambda(alpha.log() - sigma.log()) {}

at::Tensor DenoisedByShares(PredictionType type, const at::Tensor& prediction,
                            const at::Tensor& latents, const Shares& shares) {
  if (type == PredictionType::kEpsilon) {
    return (latents - shares.sigma * prediction) / shares.alpha;
  }
  return shares.alpha * latents - shares.sigma * prediction;
}

float InitialSigma(const at::Tensor& sigmas, TimestepSpacing spacing) {
  const float largest = sigmas.max().item<float>();
  return spacing == TimestepSpacing::kLeading ? std::sqrt(largest * largest + 1.0f) : largest;
}

at::Tensor ScaleBySigma(const at::Tensor& latents, const at::Tensor& sigma) {
  return latents / (sigma.pow(2) + 1).pow(0.5);
}

}  // namespace darkroom
