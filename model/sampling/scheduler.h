#ifndef DARKROOM_MODEL_SAMPLING_SCHEDULER_H_
#define DARKROOM_MODEL_SAMPLING_SCHEDULER_H_

#include <map>
#include <memory>
#include <optional>

#include "model/image_generator.h"
#include "model/sampling/noise_levels.h"
#include "model/sampling/sampler.h"
#include "model/sampling/scheduler_config.h"

namespace darkroom {

// Makes samplers of every type from one checkpoint's configuration, as diffusers'
// `Class.from_config(config)` does: what the configuration leaves open is the class's default.
// Immutable, so any number of threads may share it.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config);

  // The checkpoint's own.
  SchedulerType default_type() const { return config_.type; }
  int64_t train_timesteps() const { return config_.train_timesteps; }
  // A latent consistency model takes at most the steps that it was trained for.
  int max_lcm_steps() const { return static_cast<int>(config_.original_inference_steps); }

  // For a row that begins now. Absent spacing: the checkpoint's, or the type's default.
  std::unique_ptr<Sampler> MakeSampler(SchedulerType type, int steps,
                                       std::optional<TimestepSpacing> spacing) const;

 private:
  SchedulerConfig config_;
  std::map<SchedulerType, NoiseLevels> levels_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_SCHEDULER_H_
