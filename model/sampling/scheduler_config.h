#ifndef DARKROOM_MODEL_SAMPLING_SCHEDULER_CONFIG_H_
#define DARKROOM_MODEL_SAMPLING_SCHEDULER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "model/image_generator.h"

namespace darkroom {

// What the UNet's output means.
enum class PredictionType { kEpsilon, kVelocity };

// scheduler_config.json. What it leaves open is absent: every scheduler has defaults of its own, as
// the classes of diffusers have when one is made from another's configuration.
struct SchedulerConfig {
  SchedulerType type = SchedulerType::kEuler;  // _class_name
  int64_t train_timesteps = 1000;
  PredictionType prediction = PredictionType::kEpsilon;
  bool zero_snr = false;  // rescale_betas_zero_snr
  int64_t steps_offset = 0;
  std::optional<double> beta_start, beta_end;
  std::optional<bool> scaled_linear;  // Betas are linear in their roots, else in themselves.
  std::optional<TimestepSpacing> spacing;
  std::optional<bool> clip_sample;
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;
  bool lower_order_final = true;
  int64_t original_inference_steps = 50;  // LCM
  double timestep_scaling = 10;           // LCM

  // INVALID_ARGUMENT naming everything that is not supported.
  static absl::StatusOr<SchedulerConfig> Read(const std::string& path);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_SCHEDULER_CONFIG_H_
