#include "server/request_parser.h"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/request_checks.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr uint32_t kDefaultSteps = 20;
constexpr double kDefaultGuidanceScale = 5.0;  // StableDiffusionXLPipeline's.
constexpr double kMaxGuidanceScale = 50;
constexpr uint32_t kMaxConditioning = 1 << 24;  // Beyond, float32 skips whole numbers.
constexpr size_t kMaxRequestIdBytes = 64;

// 32 bits that nobody can foresee.
uint32_t DrawBits() {
  std::random_device device;
  return device();
}

std::string DrawRequestId() { return absl::StrFormat("%08x%08x", DrawBits(), DrawBits()); }

bool IsRequestId(const std::string& id) {
  return id.size() <= kMaxRequestIdBytes && std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

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
               const ModelInfo& model, const RequestLimits& limits, RequestChecks& checks) {
  const std::string rule = absl::StrCat("must be a positive multiple of ", model.size_multiple);
  const auto is_multiple = [&](uint32_t extent) {
    return extent > 0 && extent % static_cast<uint32_t>(model.size_multiple) == 0;
  };
  const uint32_t width = request.has_width() ? request.width() : size.width;
  const uint32_t height = request.has_height() ? request.height() : size.height;
  checks.Check(is_multiple(width), "width", absl::StrCat(rule, ", not ", width));
  checks.Check(is_multiple(height), "height", absl::StrCat(rule, ", not ", height));
  const uint64_t pixels = uint64_t{width} * height;
  const std::string budget =
      absl::StrCat("makes an image of ", pixels, " pixels, more than ", limits.max_pixels);
  if (pixels <= static_cast<uint64_t>(limits.max_pixels)) return;
  checks.Check(false, "width", budget);
  checks.Check(false, "height", budget);
}

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

void CheckNumbers(const v1::GenerateImagesRequest& request, const ModelInfo& model,
                  const RequestLimits& limits, RequestChecks& checks) {
  const uint64_t max_images = static_cast<uint64_t>(limits.max_images);
  if (request.has_num_inference_steps()) {
    const bool is_lcm =
        ToSchedulerType(request.scheduler(), model.default_scheduler) == SchedulerType::kLcm;
    const int max_steps =
        is_lcm ? std::min(limits.max_steps, model.max_lcm_steps) : limits.max_steps;
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
  if (is_known(v1::GeneratorDevice_IsValid(request.generator_device()), "generator_device",
               request.generator_device())) {
    checks.NotBuilt(request.generator_device() == v1::GENERATOR_DEVICE_CUDA, "generator_device");
  }
  if (is_known(v1::Priority_IsValid(request.priority()), "priority", request.priority())) {
    checks.NotBuilt(
        request.priority() == v1::PRIORITY_LOW || request.priority() == v1::PRIORITY_HIGH,
        "priority");
  }
  const v1::OutputOptions& output = request.output();
  if (is_known(v1::ImageFormat_IsValid(output.format()), "output.format", output.format())) {
    checks.NotBuilt(
        output.format() == v1::IMAGE_FORMAT_WEBP || output.format() == v1::IMAGE_FORMAT_JPEG,
        "output.format");
  }
  checks.NotBuilt(output.has_quality(), "output.quality");
}

void CheckNotBuilt(const v1::GenerateImagesRequest& request, RequestChecks& checks) {
  checks.NotBuilt(request.has_init_image(), "init_image");
  checks.NotBuilt(request.has_aesthetic_score(), "aesthetic_score");
  checks.NotBuilt(request.has_negative_aesthetic_score(), "negative_aesthetic_score");
  checks.NotBuilt(request.has_denoising_start(), "denoising_start");
  checks.NotBuilt(!request.loras().empty(), "loras");
}

void CheckMicroConditioning(const v1::MicroConditioning& conditioning, RequestChecks& checks) {
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
  checks.Check(c.has_negative_original_size() || !c.has_negative_target_size(),
               "micro_conditioning.negative_target_size", "needs negative_original_size");
  checks.Check(c.has_negative_target_size() || !c.has_negative_original_size(),
               "micro_conditioning.negative_original_size", "needs negative_target_size");
  checks.Check(c.has_negative_original_size() || !c.has_negative_crop_top_left(),
               "micro_conditioning.negative_crop_top_left",
               "needs negative_original_size and negative_target_size");
}

// `c` within kMaxConditioning; what it leaves open is the image's own.
void ResolveMicroConditioning(const v1::MicroConditioning& c, ImageRequest& image) {
  const auto to_size = [](const v1::MicroConditioning::Size& size) {
    return ImageSize{static_cast<int>(size.height()), static_cast<int>(size.width())};
  };
  MicroConditioning& positive = image.conditioning;
  positive.original_size = c.has_original_size() ? to_size(c.original_size()) : image.size;
  positive.target_size = c.has_target_size() ? to_size(c.target_size()) : image.size;
  positive.crop_top = static_cast<int>(c.crop_top_left().top());
  positive.crop_left = static_cast<int>(c.crop_top_left().left());
  image.negative_conditioning = positive;
  if (!c.has_negative_original_size()) return;
  MicroConditioning& negative = image.negative_conditioning;
  negative.original_size = to_size(c.negative_original_size());
  negative.target_size = to_size(c.negative_target_size());
  if (!c.has_negative_crop_top_left()) return;
  negative.crop_top = static_cast<int>(c.negative_crop_top_left().top());
  negative.crop_left = static_cast<int>(c.negative_crop_top_left().left());
}

std::optional<TimestepSpacing> ToSpacing(v1::TimestepSpacing spacing) {
  switch (spacing) {
    case v1::TIMESTEP_SPACING_LEADING: return TimestepSpacing::kLeading;
    case v1::TIMESTEP_SPACING_TRAILING: return TimestepSpacing::kTrailing;
    case v1::TIMESTEP_SPACING_LINSPACE: return TimestepSpacing::kLinspace;
    default: return std::nullopt;
  }
}

std::vector<uint64_t> ResolveSeeds(const v1::GenerateImagesRequest& request) {
  if (!request.seeds().empty()) return {request.seeds().begin(), request.seeds().end()};
  const uint64_t first = request.has_seed() ? request.seed() : DrawBits();
  std::vector<uint64_t> seeds;
  const uint32_t count = request.has_num_images() ? request.num_images() : 1;
  for (uint32_t k = 0; k < count; ++k) seeds.push_back(first + k);
  return seeds;
}

ImageRequest ResolveImage(const v1::GenerateImagesRequest& request, const ModelInfo& model) {
  ImageRequest image;
  image.prompt = request.prompt();
  image.prompt_2 = request.prompt_2();
  if (request.has_negative_prompt()) image.negative_prompt = request.negative_prompt();
  image.negative_prompt_2 = request.negative_prompt_2();
  image.size = model.default_size;
  if (request.has_height()) image.size.height = static_cast<int>(request.height());
  if (request.has_width()) image.size.width = static_cast<int>(request.width());
  image.steps = static_cast<int>(request.has_num_inference_steps() ? request.num_inference_steps()
                                                                   : kDefaultSteps);
  image.guidance_scale =
      request.has_guidance_scale() ? request.guidance_scale() : kDefaultGuidanceScale;
  image.guidance_rescale = request.guidance_rescale();
  image.clip_skip = static_cast<int>(request.clip_skip());
  // As in diffusers, 0 stops nothing.
  if (request.denoising_end() > 0) image.denoising_end = request.denoising_end();
  image.scheduler = ToSchedulerType(request.scheduler(), model.default_scheduler);
  image.spacing = ToSpacing(request.timestep_spacing());
  ResolveMicroConditioning(request.micro_conditioning(), image);
  return image;
}

absl::Status CheckModel(const std::string& name, const ModelInfo& model) {
  if (name.empty() || name == model.id) return absl::OkStatus();
  return WithReason(
      absl::NotFoundError(absl::StrCat("there is no model \"", Shortened(name, 64), "\"")),
      kReasonModelNotFound);
}

}  // namespace

absl::StatusOr<ParsedRequest> ParseRequest(const v1::GenerateImagesRequest& request,
                                           const ModelInfo& model, const RequestLimits& limits) {
  RequestChecks checks;
  checks.Check(IsPlainName(request.model()), "model", "must be a name, not a path");
  CheckPrompts(request, checks);
  CheckSize(request, model.default_size, model, limits, checks);
  CheckNumbers(request, model, limits, checks);
  CheckChoices(request, checks);
  CheckNotBuilt(request, checks);
  CheckMicroConditioning(request.micro_conditioning(), checks);
  checks.Check(IsRequestId(request.request_id()), "request_id",
               "must be at most 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'");
  if (absl::Status s = checks.Result(); !s.ok()) return s;
  if (absl::Status s = CheckModel(request.model(), model); !s.ok()) return s;

  ParsedRequest parsed;
  parsed.request_id = request.request_id().empty() ? DrawRequestId() : request.request_id();
  parsed.embed_parameters = !request.output().omit_parameters();
  if (request.output().format() != v1::IMAGE_FORMAT_UNSPECIFIED) {
    parsed.format = request.output().format();
  }
  const ImageRequest image = ResolveImage(request, model);
  for (const uint64_t seed : ResolveSeeds(request)) {
    parsed.images.push_back(image);
    parsed.images.back().seed = seed;
  }
  return parsed;
}

}  // namespace darkroom
