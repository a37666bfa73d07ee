#include "model/sampling/euler_discrete.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

// In diffusers' order of float32 operations, so that the last bits agree.
std::vector<float> TrainingSigmas(const EulerConfig& config) {
  const at::Tensor betas =
      config.scaled_linear
          ? at::linspace(std::sqrt(config.beta_start), std::sqrt(config.beta_end),
                         config.train_timesteps, at::kFloat)
                .pow(2)
          : at::linspace(config.beta_start, config.beta_end, config.train_timesteps, at::kFloat);
  const at::Tensor alphas = at::cumprod(1.0 - betas, 0);
  const at::Tensor sigmas = ((1 - alphas) / alphas).pow(0.5).contiguous();
  return {sigmas.const_data_ptr<float>(), sigmas.const_data_ptr<float>() + sigmas.numel()};
}

// numpy's arange(train, 0, -train / steps), rounded to even; its length comes from a rounded
// division and is one too many for some steps.
std::vector<float> TrailingTimesteps(int64_t train, int steps) {
  const double ratio = static_cast<double>(train) / steps;
  const auto length = static_cast<int64_t>(std::ceil(static_cast<double>(-train) / -ratio));
  std::vector<float> timesteps;
  for (int64_t i = 0; i < length; ++i) {
    const double timestep = static_cast<double>(train) - static_cast<double>(i) * ratio;
    timesteps.push_back(static_cast<float>(std::nearbyint(timestep)) - 1);
  }
  return timesteps;
}

std::vector<float> LeadingTimesteps(int64_t train, int steps, int64_t offset) {
  const int64_t ratio = train / steps;
  std::vector<float> timesteps;
  for (int64_t i = steps - 1; i >= 0; --i) {
    timesteps.push_back(static_cast<float>(i * ratio) + static_cast<float>(offset));
  }
  return timesteps;
}

std::vector<float> LinspaceTimesteps(int64_t train, int steps) {
  const double last = static_cast<double>(train - 1);
  std::vector<float> timesteps;
  for (int i = steps - 1; i > 0; --i) {
    const bool is_last = i == steps - 1;
    timesteps.push_back(static_cast<float>(is_last ? last : i * (last / (steps - 1))));
  }
  timesteps.push_back(0);
  return timesteps;
}

}  // namespace

absl::StatusOr<EulerConfig> EulerConfig::Read(const std::string& path) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(path);
  if (!reader.ok()) return reader.status();
  reader->Expect("_class_name", {"EulerDiscreteScheduler"});
  reader->Expect("beta_schedule", {"linear", "scaled_linear"});
  reader->Expect("final_sigmas_type", {"zero"});
  reader->Expect("interpolation_type", {"linear"});
  reader->Expect("prediction_type", {"epsilon"});
  reader->Expect("rescale_betas_zero_snr", {false});
  reader->Expect("sigma_max", {});
  reader->Expect("sigma_min", {});
  reader->Expect("timestep_spacing", {"leading", "trailing", "linspace"});
  reader->Expect("timestep_type", {"discrete"});
  reader->Expect("trained_betas", {});
  reader->Expect("use_beta_sigmas", {false});
  reader->Expect("use_exponential_sigmas", {false});
  reader->Expect("use_karras_sigmas", {false});
  // Other schedulers' settings, which published files carry along.
  reader->Ignore({"clip_sample", "clip_sample_range", "sample_max_value", "set_alpha_to_one",
                  "skip_prk_steps"});
  EulerConfig config;
  config.train_timesteps = reader->Size("num_train_timesteps", config.train_timesteps);
  config.beta_start = reader->Number("beta_start", config.beta_start);
  config.beta_end = reader->Number("beta_end", config.beta_end);
  config.scaled_linear = reader->String("beta_schedule", "linear") == "scaled_linear";
  const std::string spacing = reader->String("timestep_spacing", "linspace");
  config.spacing = spacing == "leading"    ? TimestepSpacing::kLeading
                   : spacing == "trailing" ? TimestepSpacing::kTrailing
                                           : TimestepSpacing::kLinspace;
  config.steps_offset = reader->Integer("steps_offset", config.steps_offset);
  if (config.train_timesteps > 100'000) reader->Refuse("num_train_timesteps is above 100000");
  if (config.beta_start <= 0 || config.beta_end < config.beta_start || config.beta_end >= 1) {
    reader->Refuse("beta_start and beta_end must rise and lie between 0 and 1");
  }
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return config;
}

EulerDiscrete::EulerDiscrete(const EulerConfig& config)
    : config_(config), sigmas_(TrainingSigmas(config)) {}

double EulerDiscrete::SigmaAt(double timestep) const {
  const double last = static_cast<double>(sigmas_.size() - 1);
  const double clamped = std::clamp(timestep, 0.0, last);
  const auto below = static_cast<size_t>(std::floor(clamped));
  if (below == sigmas_.size() - 1) return sigmas_.back();
  const double low = sigmas_[below];
  const double high = sigmas_[below + 1];
  return (high - low) * (clamped - static_cast<double>(below)) + low;
}

EulerDiscrete::Schedule EulerDiscrete::MakeSchedule(int steps, TimestepSpacing spacing) const {
  Schedule schedule;
  const int64_t train = config_.train_timesteps;
  switch (spacing) {
    case TimestepSpacing::kLeading:
      schedule.timesteps = LeadingTimesteps(train, steps, config_.steps_offset);
      break;
    case TimestepSpacing::kTrailing: schedule.timesteps = TrailingTimesteps(train, steps); break;
    case TimestepSpacing::kLinspace: schedule.timesteps = LinspaceTimesteps(train, steps); break;
  }
  for (const float timestep : schedule.timesteps) {
    schedule.sigmas.push_back(static_cast<float>(SigmaAt(timestep)));
  }
  schedule.sigmas.push_back(0);
  const float largest = *std::max_element(schedule.sigmas.begin(), schedule.sigmas.end());
  schedule.initial_sigma =
      spacing == TimestepSpacing::kLeading ? std::sqrt(largest * largest + 1.0f) : largest;
  return schedule;
}

at::Tensor ScaleModelInput(const at::Tensor& latents, const at::Tensor& sigmas) {
  return latents / (sigmas.pow(2) + 1).sqrt();
}

// Longer than latents + noise * (next - sigma), but it is diffusers' order of float operations.
at::Tensor EulerStep(const at::Tensor& latents, const at::Tensor& noise, const at::Tensor& sigmas,
                     const at::Tensor& next_sigmas) {
  const at::Tensor predicted = latents - sigmas * noise;
  const at::Tensor derivative = (latents - predicted) / sigmas;
  return latents + derivative * (next_sigmas - sigmas);
}

}  // namespace darkroom
