#include "model/sampling/scheduler_config.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

// Values of which we support one, whatever the scheduler.
void ExpectSupported(ConfigReader& reader) {
  reader.Expect("beta_schedule", {"linear", "scaled_linear"});
  reader.Expect("disable_corrector", {nlohmann::json::array()});
  reader.Expect("final_sigmas_type", {"zero"});
  reader.Expect("interpolation_type", {"linear"});
  reader.Expect("lambda_min_clipped", {"-inf"});
  reader.Expect("predict_x0", {true});
  reader.Expect("prediction_type", {"epsilon", "v_prediction"});
  reader.Expect("sigma_max", {});
  reader.Expect("sigma_min", {});
  reader.Expect("shift_terminal", {});
  reader.Expect("solver_order", {2});
  reader.Expect("solver_p", {});
  reader.Expect("solver_type", {"midpoint", "bh2"});
  reader.Expect("thresholding", {false});
  reader.Expect("timestep_spacing", {"leading", "trailing", "linspace"});
  reader.Expect("timestep_type", {"discrete"});
  reader.Expect("trained_betas", {});
  reader.Expect("use_beta_sigmas", {false});
  reader.Expect("use_dynamic_shifting", {false});
  reader.Expect("use_exponential_sigmas", {false});
  reader.Expect("use_flow_sigmas", {false});
  reader.Expect("use_lu_lambdas", {false});
  reader.Expect("variance_type", {});
  // Settings of what is switched off above, and of schedulers that we do not have.
  reader.Ignore({"dynamic_thresholding_ratio", "euler_at_final", "flow_shift", "sample_max_value",
                 "skip_prk_steps", "time_shift_type"});
}

SchedulerType ReadType(ConfigReader& reader) {
  const std::map<std::string, SchedulerType> types = {
      {"EulerDiscreteScheduler", SchedulerType::kEuler},
      {"EulerAncestralDiscreteScheduler", SchedulerType::kEulerAncestral},
      {"DPMSolverMultistepScheduler", SchedulerType::kDpmpp2m},
      {"DDIMScheduler", SchedulerType::kDdim},
      {"UniPCMultistepScheduler", SchedulerType::kUniPc},
      {"HeunDiscreteScheduler", SchedulerType::kHeun},
      {"LCMScheduler", SchedulerType::kLcm}};
  const std::string name = reader.String("_class_name", "");
  const bool karras = reader.Bool("use_karras_sigmas", false);
  const std::string algorithm = reader.String("algorithm_type", "dpmsolver++");
  reader.Expect("algorithm_type", {"dpmsolver++", "sde-dpmsolver++"});
  const auto type = types.find(name);
  if (type == types.end()) {
    reader.Refuse(absl::StrCat("_class_name = \"", name.substr(0, 64), "\" is not supported"));
    return SchedulerType::kEuler;
  }
  const bool sde = algorithm == "sde-dpmsolver++";
  if (karras && (type->second != SchedulerType::kDpmpp2m || sde)) {
    reader.Refuse("use_karras_sigmas = true is supported for DPM++ 2M alone");
  }
  if (type->second != SchedulerType::kDpmpp2m) return type->second;
  return sde      ? SchedulerType::kDpmpp2mSde
         : karras ? SchedulerType::kDpmpp2mKarras
                  : SchedulerType::kDpmpp2m;
}

std::optional<TimestepSpacing> ReadSpacing(ConfigReader& reader) {
  const std::string spacing = reader.String("timestep_spacing", "");
  if (spacing == "leading") return TimestepSpacing::kLeading;
  if (spacing == "trailing") return TimestepSpacing::kTrailing;
  if (spacing == "linspace") return TimestepSpacing::kLinspace;
  return std::nullopt;
}

void ReadBetas(ConfigReader& reader, SchedulerConfig& config) {
  if (reader.Has("beta_start")) config.beta_start = reader.Number("beta_start", 0);
  if (reader.Has("beta_end")) config.beta_end = reader.Number("beta_end", 0);
  if (reader.Has("beta_schedule")) {
    config.scaled_linear = reader.String("beta_schedule", "") == "scaled_linear";
  }
  const double start = config.beta_start.value_or(0.0001);
  const double end = config.beta_end.value_or(0.02);
  if (start > 0 && end >= start && end < 1) return;
  reader.Refuse("beta_start and beta_end must rise and lie between 0 and 1");
}

}  // namespace

absl::StatusOr<SchedulerConfig> SchedulerConfig::Read(const std::string& path) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(path);
  if (!reader.ok()) return reader.status();
  ExpectSupported(*reader);
  SchedulerConfig config;
  config.type = ReadType(*reader);
  config.train_timesteps = reader->Size("num_train_timesteps", config.train_timesteps, 100'000);
  if (reader->String("prediction_type", "epsilon") == "v_prediction") {
    config.prediction = PredictionType::kVelocity;
  }
  config.zero_snr = reader->Bool("rescale_betas_zero_snr", config.zero_snr);
  config.steps_offset = reader->Integer("steps_offset", config.steps_offset);
  ReadBetas(*reader, config);
  config.spacing = ReadSpacing(*reader);
  if (reader->Has("clip_sample")) config.clip_sample = reader->Bool("clip_sample", false);
  config.clip_sample_range = reader->Number("clip_sample_range", config.clip_sample_range);
  config.set_alpha_to_one = reader->Bool("set_alpha_to_one", config.set_alpha_to_one);
  config.lower_order_final = reader->Bool("lower_order_final", config.lower_order_final);
  config.original_inference_steps =
      reader->Size("original_inference_steps", config.original_inference_steps, 1000);
  config.timestep_scaling = reader->Number("timestep_scaling", config.timestep_scaling);
  reader->Ignore({"clip_sample"});
  if (config.steps_offset < 0 || config.steps_offset > config.train_timesteps) {
    reader->Refuse("steps_offset must be 0 to num_train_timesteps");
  }
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return config;
}

}  // namespace darkroom
