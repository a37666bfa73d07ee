#ifndef DARKROOM_MODEL_SAMPLING_EULER_DISCRETE_H_
#define DARKROOM_MODEL_SAMPLING_EULER_DISCRETE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/image_generator.h"

namespace darkroom {

// scheduler_config.json, as far as EulerDiscreteScheduler honours it.
struct EulerConfig {
  int64_t train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  bool scaled_linear = false;  // Betas are linear in their roots, else in themselves.
  TimestepSpacing spacing = TimestepSpacing::kLinspace;
  int64_t steps_offset = 0;

  // INVALID_ARGUMENT naming everything that is not supported.
  static absl::StatusOr<EulerConfig> Read(const std::string& path);
};

// Noise levels of all training timesteps and schedules drawn from them: diffusers'
// EulerDiscreteScheduler (algorithm 2 of arXiv 2206.00364 without churn), epsilon prediction.
// Immutable, so any number of threads may share it.
class EulerDiscrete {
 public:
  // One row's way from noise to image.
  struct Schedule {
    std::vector<float> timesteps;  // One for each step, falling.
    std::vector<float> sigmas;     // One more: the last is 0.
    float initial_sigma = 1;       // The first noise is drawn at this strength.
  };

  explicit EulerDiscrete(const EulerConfig& config);

  // `steps` is at least 1. A trailing schedule may be one step longer, as in diffusers.
  Schedule MakeSchedule(int steps, TimestepSpacing spacing) const;

  TimestepSpacing default_spacing() const { return config_.spacing; }
  int64_t train_timesteps() const { return config_.train_timesteps; }

 private:
  // The noise level of a timestep, interpolated between the training's.
  double SigmaAt(double timestep) const;

  EulerConfig config_;
  std::vector<float> sigmas_;  // Of each training timestep, rising.
};

// The latents as the UNet wants to see them (scale_model_input).
// latents: [rows, channels, h, w]; sigmas: [rows, 1, 1, 1].
at::Tensor ScaleModelInput(const at::Tensor& latents, const at::Tensor& sigmas);

// One step of every row from its sigma to its next. Shapes as above; noise is as latents.
at::Tensor EulerStep(const at::Tensor& latents, const at::Tensor& noise, const at::Tensor& sigmas,
                     const at::Tensor& next_sigmas);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_EULER_DISCRETE_H_
