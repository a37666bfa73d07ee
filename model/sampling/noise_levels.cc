#include "model/sampling/noise_levels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace darkroom {
namespace {

constexpr double kNearlyOnlyNoise = 1.0 / (1 << 24);  // float16's smallest number.

at::Tensor RescaleToZeroSnr(const at::Tensor& betas) {
  at::Tensor roots = at::cumprod(1.0 - betas, 0).sqrt();
  const at::Tensor first = roots[0].clone();
  const at::Tensor last = roots[-1].clone();
  roots = roots - last;
  roots = roots * (first / (first - last));
  const at::Tensor bars = roots.pow(2);
  const at::Tensor ratios = bars.slice(0, 1) / bars.slice(0, 0, -1);
  return 1 - at::cat({bars.slice(0, 0, 1), ratios});
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

}  // namespace

NoiseLevels::NoiseLevels(const Betas& b, bool keep_finite) {
  at::Tensor betas =
      b.scaled_linear
          ? at::linspace(std::sqrt(b.start), std::sqrt(b.end), b.count, at::kFloat).pow(2)
          : at::linspace(b.start, b.end, b.count, at::kFloat);
  if (b.zero_snr) betas = RescaleToZeroSnr(betas);
  alphas_cumprod_ = at::cumprod(1.0 - betas, 0);
  if (b.zero_snr && keep_finite) alphas_cumprod_[-1] = kNearlyOnlyNoise;
  const at::Tensor sigmas = ((1 - alphas_cumprod_) / alphas_cumprod_).pow(0.5);
  sigmas_ = ToVector(sigmas);
  for (const float sigma : sigmas_) log_sigmas_.push_back(std::log(sigma));
}

double NoiseLevels::SigmaAt(double timestep) const {
  const double clamped = std::clamp(timestep, 0.0, static_cast<double>(sigmas_.size() - 1));
  const auto below = static_cast<size_t>(std::floor(clamped));
  if (below == sigmas_.size() - 1) return sigmas_.back();
  const double low = sigmas_[below];
  const double high = sigmas_[below + 1];
  return (high - low) * (clamped - static_cast<double>(below)) + low;
}

double NoiseLevels::TimestepOf(double sigma) const {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  const auto above = std::upper_bound(log_sigmas_.begin(), log_sigmas_.end(), log_sigma);
  const auto last = static_cast<int64_t>(log_sigmas_.size()) - 2;
  const int64_t low = std::clamp<int64_t>(above - log_sigmas_.begin() - 1, 0, last);
  const float low_log = log_sigmas_[static_cast<size_t>(low)];
  const float high_log = log_sigmas_[static_cast<size_t>(low) + 1];
  const double weight = std::clamp((low_log - log_sigma) / (low_log - high_log), 0.0, 1.0);
  return (1 - weight) * static_cast<double>(low) + weight * static_cast<double>(low + 1);
}

}  // namespace darkroom
