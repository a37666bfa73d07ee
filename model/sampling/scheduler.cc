#include "model/sampling/scheduler.h"

#include "model/sampling/ddim_sampler.h"
#include "model/sampling/dpmpp_sampler.h"
#include "model/sampling/euler_ancestral_sampler.h"
#include "model/sampling/euler_sampler.h"
#include "model/sampling/heun_sampler.h"
#include "model/sampling/lcm_sampler.h"
#include "model/sampling/unipc_sampler.h"

namespace darkroom {
namespace {

constexpr SchedulerType kAllTypes[] = {
    SchedulerType::kEuler,         SchedulerType::kEulerAncestral, SchedulerType::kDpmpp2m,
    SchedulerType::kDpmpp2mKarras, SchedulerType::kDpmpp2mSde,     SchedulerType::kDdim,
    SchedulerType::kUniPc,         SchedulerType::kHeun,           SchedulerType::kLcm};

// The class's own defaults where the configuration is silent.
NoiseLevels LevelsFor(SchedulerType type, const SchedulerConfig& config) {
  const bool is_heun = type == SchedulerType::kHeun;
  const bool is_lcm = type == SchedulerType::kLcm;
  const bool thinks_in_alphas = is_lcm || type == SchedulerType::kDdim;
  return NoiseLevels({.start = config.beta_start.value_or(is_heun || is_lcm ? 0.00085 : 0.0001),
                      .end = config.beta_end.value_or(is_heun || is_lcm ? 0.012 : 0.02),
                      .scaled_linear = config.scaled_linear.value_or(is_lcm),
                      .count = config.train_timesteps,
                      .zero_snr = config.zero_snr && !is_heun},  // Heun's class does not know it.
                     /*keep_finite=*/!thinks_in_alphas);
}

}  // namespace

Scheduler::Scheduler(const SchedulerConfig& config) : config_(config) {
  for (const SchedulerType type : kAllTypes) levels_.emplace(type, LevelsFor(type, config));
}

std::unique_ptr<Sampler> Scheduler::MakeSampler(SchedulerType type, int steps,
                                                std::optional<TimestepSpacing> wanted) const {
  const NoiseLevels& levels = levels_.at(type);
  const TimestepSpacing fallback =
      type == SchedulerType::kDdim ? TimestepSpacing::kLeading : TimestepSpacing::kLinspace;
  const TimestepSpacing spacing = wanted.value_or(config_.spacing.value_or(fallback));
  switch (type) {
    case SchedulerType::kEuler: return MakeEulerSampler(config_, levels, steps, spacing);
    case SchedulerType::kEulerAncestral:
      return MakeEulerAncestralSampler(config_, levels, steps, spacing);
    case SchedulerType::kDpmpp2m: return MakeDpmppSampler(config_, levels, steps, spacing, {});
    case SchedulerType::kDpmpp2mKarras:
      return MakeDpmppSampler(config_, levels, steps, spacing, {.karras = true});
    case SchedulerType::kDpmpp2mSde:
      return MakeDpmppSampler(config_, levels, steps, spacing, {.sde = true});
    case SchedulerType::kDdim: return MakeDdimSampler(config_, levels, steps, spacing);
    case SchedulerType::kUniPc: return MakeUniPcSampler(config_, levels, steps, spacing);
    case SchedulerType::kHeun: return MakeHeunSampler(config_, levels, steps, spacing);
    case SchedulerType::kLcm: return MakeLcmSampler(config_, levels, steps);
  }
  return nullptr;
}

}  // namespace darkroom
