#include "server/field_rules.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/identifier.h"

namespace darkroom {
namespace {

constexpr double kMaxGuidanceScale = 50;
constexpr uint32_t kMaxConditioning = 1 << 24;  // Beyond, float32 skips whole numbers.

bool IsPlainName(const std::string& name) {
  return name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

void CheckPrompts(const v1::GenerateImagesRequest& request, RequestChecks& checks) {
  checks.PromptFits("prompt", request.prompt());
  checks.PromptFits("prompt_2", request.prompt_2());
  checks.PromptFits("negative_prompt", request.negative_prompt());
  checks.PromptFits("negative_prompt_2", request.negative_prompt_2());
  checks.Check(request.has_negative_prompt() || !request.has_negative_prompt_2(),
               "negative_prompt_2", "needs negative_prompt");
}

void CheckSize(const v1::GenerateImagesRequest& request, const ImageSize& size,
               const ModelInfo& model, const RequestRules& rules, RequestChecks& checks) {
  const std::string rule = absl::StrCat("must be a positive multiple of ", model.size_multiple);
  const auto is_multiple = [&](uint32_t extent) {
    return extent > 0 && extent % static_cast<uint32_t>(model.size_multiple) == 0;
  };
  const uint32_t width = request.has_width() ? request.width() : static_cast<uint32_t>(size.width);
  const uint32_t height =
      request.has_height() ? request.height() : static_cast<uint32_t>(size.height);
  checks.Check(is_multiple(width), "width", absl::StrCat(rule, ", not ", width));
  checks.Check(is_multiple(height), "height", absl::StrCat(rule, ", not ", height));
  const uint64_t pixels = uint64_t{width} * height;
  const std::string budget =
      absl::StrCat("makes an image of ", pixels, " pixels, more than ", rules.max_pixels);
  if (pixels <= static_cast<uint64_t>(rules.max_pixels)) return;
  checks.Check(false, "width", budget);
  checks.Check(false, "height", budget);
}

void CheckNumbers(const v1::GenerateImagesRequest& request, const ModelInfo& model,
                  const RequestRules& rules, RequestChecks& checks) {
  const uint64_t max_images = static_cast<uint64_t>(rules.max_images);
  if (request.has_num_inference_steps()) {
    const bool is_lcm =
        ToSchedulerType(request.scheduler(), model.default_scheduler) == SchedulerType::kLcm;
    const int max_steps = is_lcm ? std::min(rules.max_steps, model.max_lcm_steps) : rules.max_steps;
    checks.InRange("num_inference_steps", uint64_t{request.num_inference_steps()}, 1,
                   static_cast<uint64_t>(max_steps));
  }
  if (request.has_guidance_rescale()) {
    checks.InRange("guidance_rescale", request.guidance_rescale(), 0, 1);
  }
  if (request.has_clip_skip()) {
    checks.InRange("clip_skip", uint64_t{request.clip_skip()}, 0,
                   static_cast<uint64_t>(model.max_clip_skip));
  }
  if (request.has_denoising_end()) {
    checks.InRange("denoising_end", request.denoising_end(), 0, 1);
  }
  if (request.has_guidance_scale()) {
    checks.InRange("guidance_scale", request.guidance_scale(), 0, kMaxGuidanceScale);
  }
  if (request.has_num_images()) {
    checks.InRange("num_images", uint64_t{request.num_images()}, 1, max_images);
  }
  if (request.seeds().empty()) return;
  checks.InRange("seeds", static_cast<uint64_t>(request.seeds_size()), 1, max_images);
  checks.Check(!request.has_seed(), "seed", "excludes seeds");
  checks.Check(!request.has_num_images(), "num_images", "excludes seeds");
}

void CheckChoices(const v1::GenerateImagesRequest& request, RequestChecks& checks) {
  const auto is_known = [&](bool known, const char* field, int value) {
    return checks.Check(known, field, absl::StrCat("has the unknown value ", value));
  };
  is_known(v1::Scheduler_IsValid(request.scheduler()), "scheduler", request.scheduler());
  is_known(v1::TimestepSpacing_IsValid(request.timestep_spacing()), "timestep_spacing",
           request.timestep_spacing());
  if (is_known(v1::PromptSyntax_IsValid(request.prompt_syntax()), "prompt_syntax",
               request.prompt_syntax())) {
    checks.NotBuilt(request.prompt_syntax() == v1::PROMPT_SYNTAX_WEIGHTED, "prompt_syntax");
  }
  is_known(v1::GeneratorDevice_IsValid(request.generator_device()), "generator_device",
           request.generator_device());
  is_known(v1::Priority_IsValid(request.priority()), "priority", request.priority());
  const v1::OutputOptions& output = request.output();
  is_known(v1::ImageFormat_IsValid(output.format()), "output.format", output.format());
  if (!output.has_quality()) return;
  checks.InRange("output.quality", uint64_t{output.quality()}, 1, 100);
  checks.Check(output.format() == v1::IMAGE_FORMAT_WEBP || output.format() == v1::IMAGE_FORMAT_JPEG,
               "output.quality", "is for JPEG and WebP");
}

void CheckNotBuilt(const v1::GenerateImagesRequest& request, RequestChecks& checks) {
  checks.NotBuilt(request.has_aesthetic_score(), "aesthetic_score");
  checks.NotBuilt(request.has_negative_aesthetic_score(), "negative_aesthetic_score");
  checks.NotBuilt(!request.loras().empty(), "loras");
}

// Strictly between the ends, which stop and skip nothing, as in diffusers.
bool IsInside(double share) { return share > 0 && share < 1; }

// Where image-to-image begins, and that something is left to do.
void CheckBeginning(const v1::GenerateImagesRequest& request, RequestChecks& checks) {
  if (request.has_denoising_start()) {
    const double start = request.denoising_start();
    checks.InRange("denoising_start", start, 0, 1);
    checks.Check(request.has_init_image(), "denoising_start", "needs init_image");
    checks.Check(
        !IsInside(start) || !IsInside(request.denoising_end()) || start < request.denoising_end(),
        "denoising_start", "must be less than denoising_end");
  }
  if (!request.has_init_image()) return;
  const v1::InitImage& init = request.init_image();
  const double strength = init.has_strength() ? init.strength() : kDefaultStrength;
  if (!checks.Check(strength > 0 && strength <= 1, "init_image.strength",
                    absl::StrCat("must be above 0 and at most 1, not ", strength))) {
    return;
  }
  if (IsInside(request.denoising_start())) {
    checks.Check(!init.has_strength(), "init_image.strength", "excludes denoising_start");
    return;
  }
  const uint32_t steps =
      request.has_num_inference_steps() ? request.num_inference_steps() : kDefaultSteps;
  if (steps * strength >= 1) return;
  const std::string nothing = absl::StrCat("leaves nothing to do: num_inference_steps ", steps,
                                           " x init_image.strength ", strength, " is below 1");
  checks.Check(false, "num_inference_steps", nothing);
  checks.Check(false, "init_image.strength", nothing);
}

void CheckMicroConditioning(const v1::MicroConditioning& conditioning, bool text_to_image,
                            RequestChecks& checks) {
  const auto fits = [&](bool is_set, const char* field, uint32_t first, uint32_t second) {
    checks.Check(!is_set || std::max(first, second) <= kMaxConditioning,
                 absl::StrCat("micro_conditioning.", field),
                 absl::StrCat("must be at most ", kMaxConditioning));
  };
  const auto size_fits = [&](bool is_set, const char* field, const auto& size) {
    fits(is_set, field, size.height(), size.width());
  };
  const auto crop_fits = [&](bool is_set, const char* field, const auto& crop) {
    fits(is_set, field, crop.top(), crop.left());
  };
  const v1::MicroConditioning& c = conditioning;
  size_fits(c.has_original_size(), "original_size", c.original_size());
  crop_fits(c.has_crop_top_left(), "crop_top_left", c.crop_top_left());
  size_fits(c.has_target_size(), "target_size", c.target_size());
  size_fits(c.has_negative_original_size(), "negative_original_size", c.negative_original_size());
  crop_fits(c.has_negative_crop_top_left(), "negative_crop_top_left", c.negative_crop_top_left());
  size_fits(c.has_negative_target_size(), "negative_target_size", c.negative_target_size());
  if (!text_to_image) return;  // There, as in diffusers, each is for itself.
  checks.Check(c.has_negative_original_size() || !c.has_negative_target_size(),
               "micro_conditioning.negative_target_size", "needs negative_original_size");
  checks.Check(c.has_negative_target_size() || !c.has_negative_original_size(),
               "micro_conditioning.negative_original_size", "needs negative_target_size");
  checks.Check(c.has_negative_original_size() || !c.has_negative_crop_top_left(),
               "micro_conditioning.negative_crop_top_left",
               "needs negative_original_size and negative_target_size");
}

}  // namespace

SchedulerType ToSchedulerType(v1::Scheduler scheduler, SchedulerType fallback) {
  switch (scheduler) {
    case v1::SCHEDULER_EULER: return SchedulerType::kEuler;
    case v1::SCHEDULER_EULER_ANCESTRAL: return SchedulerType::kEulerAncestral;
    case v1::SCHEDULER_DPMPP_2M: return SchedulerType::kDpmpp2m;
    case v1::SCHEDULER_DPMPP_2M_KARRAS: return SchedulerType::kDpmpp2mKarras;
    case v1::SCHEDULER_DPMPP_2M_SDE: return SchedulerType::kDpmpp2mSde;
    case v1::SCHEDULER_DDIM: return SchedulerType::kDdim;
    case v1::SCHEDULER_UNIPC: return SchedulerType::kUniPc;
    case v1::SCHEDULER_HEUN: return SchedulerType::kHeun;
    case v1::SCHEDULER_LCM: return SchedulerType::kLcm;
    default: return fallback;
  }
}

ImageSize DefaultSize(const std::optional<ImageSize>& init_size, const ModelInfo& model) {
  if (!init_size) return model.default_size;
  const int multiple = model.size_multiple;
  return {init_size->height / multiple * multiple, init_size->width / multiple * multiple};
}

void CheckFields(const v1::GenerateImagesRequest& request,
                 const std::optional<ImageSize>& init_size, const ModelInfo& model,
                 const RequestRules& rules, RequestChecks& checks) {
  checks.Check(IsPlainName(request.model()), "model", "must be a name, not a path");
  CheckPrompts(request, checks);
  CheckSize(request, DefaultSize(init_size, model), model, rules, checks);
  CheckNumbers(request, model, rules, checks);
  CheckChoices(request, checks);
  CheckNotBuilt(request, checks);
  CheckBeginning(request, checks);
  CheckMicroConditioning(request.micro_conditioning(), !request.has_init_image(), checks);
  const std::string& id = request.request_id();
  checks.Check(id.empty() || IsIdentifier(id), "request_id",
               "must be at most 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'");
}

}  // namespace darkroom
