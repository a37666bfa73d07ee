#ifndef DARKROOM_MODEL_SAMPLING_NOISE_LEVELS_H_
#define DARKROOM_MODEL_SAMPLING_NOISE_LEVELS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace darkroom {

// How strong the noise was at each training timestep. All float32, computed in diffusers' order of
// operations, so that the last bits agree.
class NoiseLevels {
 public:
  struct Betas {
    double start = 0.0001;
    double end = 0.02;
    bool scaled_linear = false;
    int64_t count = 1000;
    bool zero_snr = false;  // Rescaled so that the last timestep is pure noise (arXiv 2305.08891).
  };

  // `keep_finite`: with zero_snr, the last level stays just above nothing but noise, as the
  // schedulers that think in sigmas want it.
  NoiseLevels(const Betas& betas, bool keep_finite);

  // Share of the image left, squared: [timesteps].
  const at::Tensor& alphas_cumprod() const { return alphas_cumprod_; }
  // Noise relative to the image, rising with the timestep.
  const std::vector<float>& sigmas() const { return sigmas_; }

  // Interpolated between the timesteps, clamped at both ends (numpy's interp).
  double SigmaAt(double timestep) const;
  // The timestep of a sigma, linear in its logarithm (diffusers' _sigma_to_t).
  double TimestepOf(double sigma) const;

 private:
  at::Tensor alphas_cumprod_;
  std::vector<float> sigmas_;
  std::vector<float> log_sigmas_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_NOISE_LEVELS_H_
