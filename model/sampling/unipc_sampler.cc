#include "model/sampling/unipc_sampler.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "model/sampling/sigmas.h"
#include "model/sampling/timesteps.h"

namespace darkroom {
namespace {

constexpr int kOrder = 2;

class UniPcSampler final : public Sampler {
 public:
  UniPcSampler(const SchedulerConfig& config, std::vector<double> timesteps, at::Tensor sigmas)
      : Sampler(std::move(timesteps)),
        prediction_(config.prediction),
        lower_order_final_(config.lower_order_final),
        sigmas_(std::move(sigmas)) {}

  std::unique_ptr<Sampler> Clone() const override { return std::make_unique<UniPcSampler>(*this); }

  at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const override {
    const Shares now(Sigma(pass_));
    return now.alpha * latents + now.sigma * noise;
  }

  at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const override {
    return DenoisedByShares(prediction_, prediction, latents, Shares(Sigma(pass_)));
  }

  at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents, RequestNoise&) override {
    const at::Tensor denoised = Denoised(prediction, latents);
    const at::Tensor corrected = last_denoised_.defined() ? Correct(denoised) : latents;
    const int known = last_denoised_.defined() ? kOrder : 1;
    before_last_denoised_ = last_denoised_;
    last_denoised_ = denoised;
    const auto left = static_cast<int>(timesteps().size() - pass_);
    const int wanted = lower_order_final_ ? std::min(kOrder, left) : kOrder;
    order_ = std::min(wanted, known);
    last_latents_ = corrected;
    const at::Tensor next = Predict(corrected);
    ++pass_;
    return next;
  }

 private:
  // What predictor and corrector share, for a step from one sigma to the next (B(h) = e^h - 1).
  struct Solver {
    Solver(const at::Tensor& from_sigma, const at::Tensor& to_sigma)
        : from(from_sigma), to(to_sigma), h(to.lambda - from.lambda), phi((-h).expm1()) {}

    // The step of the first order.
    at::Tensor First(const at::Tensor& latents, const at::Tensor& denoised) const {
      return to.sigma / from.sigma * latents - to.alpha * phi * denoised;
    }
    // Where an earlier sigma lies, measured in steps of h.
    at::Tensor Ratio(const at::Tensor& earlier) const {
      return (Shares(earlier).lambda - from.lambda) / h;
    }

    Shares from, to;
    at::Tensor h, phi;
  };

  at::Tensor Sigma(size_t pass) const { return sigmas_[static_cast<int64_t>(pass)]; }

  at::Tensor Predict(const at::Tensor& latents) const {
    const Solver solver(Sigma(pass_), Sigma(pass_ + 1));
    const at::Tensor first = solver.First(latents, last_denoised_);
    if (order_ == 1) return first;
    const at::Tensor difference =
        (before_last_denoised_ - last_denoised_) / solver.Ratio(Sigma(pass_ - 1));
    return first - solver.to.alpha * solver.phi * (0.5 * difference);
  }

  // The latents that the last step would have reached, had it known where it led.
  at::Tensor Correct(const at::Tensor& denoised) const {
    const Solver solver(Sigma(pass_ - 1), Sigma(pass_));
    const at::Tensor first = solver.First(last_latents_, last_denoised_);
    const at::Tensor change = denoised - last_denoised_;
    const at::Tensor weight = solver.to.alpha * solver.phi;
    if (order_ == 1) return first - weight * (0.5 * change);
    const at::Tensor ratio = solver.Ratio(Sigma(pass_ - 2));
    const at::Tensor hh = -solver.h;
    const at::Tensor phi_1 = solver.phi / hh - 1;
    const at::Tensor phi_2 = phi_1 / hh - 0.5;
    const at::Tensor ones = at::ones({});
    const at::Tensor rows = at::stack({at::stack({ones, ones}), at::stack({ratio, ones})});
    const at::Tensor wanted = at::stack({phi_1 / solver.phi, phi_2 * 2 / solver.phi});
    const at::Tensor rhos = at::linalg_solve(rows, wanted);
    const at::Tensor difference = (before_last_denoised_ - last_denoised_) / ratio;
    return first - weight * (rhos[0] * difference + rhos[1] * change);
  }

  PredictionType prediction_;
  bool lower_order_final_;
  at::Tensor sigmas_;
  int order_ = 1;                                    // Of the last prediction.
  at::Tensor last_latents_;                          // What it started from ...
  at::Tensor last_denoised_, before_last_denoised_;  // ... and the images it knew.
};

}  // namespace

std::unique_ptr<Sampler> MakeUniPcSampler(const SchedulerConfig& config, const NoiseLevels& levels,
                                          int steps, TimestepSpacing spacing) {
  const std::vector<double> timesteps =
      SpreadMultistepTimesteps(spacing, steps, config.train_timesteps, config.steps_offset);
  return std::make_unique<UniPcSampler>(config, timesteps, SigmasOf(levels, timesteps));
}

}  // namespace darkroom
