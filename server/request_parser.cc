#include "server/request_parser.h"

#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/codec/image_file.h"
#include "server/request_checks.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

// 32 bits that nobody can foresee.
uint32_t DrawBits() {
  std::random_device device;
  return device();
}

std::string DrawRequestId() { return absl::StrFormat("%08x%08x", DrawBits(), DrawBits()); }

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
  MicroConditioning& negative = image.negative_conditioning;
  if (c.has_negative_original_size()) negative.original_size = to_size(c.negative_original_size());
  if (c.has_negative_target_size()) negative.target_size = to_size(c.negative_target_size());
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

GeneratorDevice ToGeneratorDevice(v1::GeneratorDevice device, GeneratorDevice fallback) {
  switch (device) {
    case v1::GENERATOR_DEVICE_CPU: return GeneratorDevice::kCpu;
    case v1::GENERATOR_DEVICE_CUDA: return GeneratorDevice::kCuda;
    default: return fallback;
  }
}

ImageRequest ResolveImage(const v1::GenerateImagesRequest& request,
                          const std::optional<ImageSize>& init_size, const ModelInfo& model,
                          const RequestRules& rules) {
  ImageRequest image;
  image.prompt = request.prompt();
  image.prompt_2 = request.prompt_2();
  if (request.has_negative_prompt()) image.negative_prompt = request.negative_prompt();
  image.negative_prompt_2 = request.negative_prompt_2();
  image.size = DefaultSize(init_size, model);
  if (request.has_height()) image.size.height = static_cast<int>(request.height());
  if (request.has_width()) image.size.width = static_cast<int>(request.width());
  image.steps = static_cast<int>(request.has_num_inference_steps() ? request.num_inference_steps()
                                                                   : kDefaultSteps);
  image.guidance_scale =
      request.has_guidance_scale() ? request.guidance_scale() : kDefaultGuidanceScale;
  image.guidance_rescale = request.guidance_rescale();
  image.clip_skip = static_cast<int>(request.clip_skip());
  if (request.has_init_image()) {
    image.strength =
        request.init_image().has_strength() ? request.init_image().strength() : kDefaultStrength;
  }
  if (request.has_denoising_start()) image.denoising_start = request.denoising_start();
  // As in diffusers, 0 stops nothing.
  if (request.denoising_end() > 0) image.denoising_end = request.denoising_end();
  image.generator_device = ToGeneratorDevice(request.generator_device(), rules.generator_device);
  image.scheduler = ToSchedulerType(request.scheduler(), model.default_scheduler);
  image.spacing = ToSpacing(request.timestep_spacing());
  ResolveMicroConditioning(request.micro_conditioning(), image);
  return image;
}

// The size of the request's init_image, from its header alone.
std::optional<ImageSize> InspectInitImage(const v1::GenerateImagesRequest& request,
                                          const ModelInfo& model, RequestChecks& checks) {
  if (!request.has_init_image()) return std::nullopt;
  const absl::StatusOr<ImageFileInfo> info = InspectImageFile(request.init_image().data());
  if (!info.ok()) {
    checks.NotAnImage("init_image.data", info.status());
    return std::nullopt;
  }
  const auto fits = [&](bool is_given, int extent) {
    return is_given || extent >= model.size_multiple;
  };
  if (fits(request.has_width(), info->size.width) &&
      fits(request.has_height(), info->size.height)) {
    return info->size;
  }
  checks.Check(false, "init_image.data",
               absl::StrCat("is smaller than ", model.size_multiple,
                            " pixels: give width and height to have it enlarged"));
  return std::nullopt;
}

}  // namespace

absl::Status NoSuchModel(std::string_view name) {
  return WithReason(
      absl::NotFoundError(absl::StrCat("there is no model \"", Shortened(name, 64), "\"")),
      kReasonModelNotFound);
}

absl::Status CheckModelName(std::string_view name, std::string_view id) {
  return name.empty() || name == id ? absl::OkStatus() : NoSuchModel(name);
}

absl::StatusOr<ParsedRequest> ParseRequest(const v1::GenerateImagesRequest& request,
                                           const ModelInfo& model, const RequestRules& rules) {
  RequestChecks checks;
  const std::optional<ImageSize> init_size = InspectInitImage(request, model, checks);
  CheckFields(request, init_size, model, rules, checks);
  if (absl::Status s = checks.Result(); !s.ok()) return s;
  if (absl::Status s = CheckModelName(request.model(), model.id); !s.ok()) return s;

  ParsedRequest parsed;
  parsed.request_id = request.request_id().empty() ? DrawRequestId() : request.request_id();
  parsed.embed_parameters = !request.output().omit_parameters();
  if (request.output().format() != v1::IMAGE_FORMAT_UNSPECIFIED) {
    parsed.format = request.output().format();
  }
  if (request.output().has_quality()) parsed.quality = static_cast<int>(request.output().quality());
  const ImageRequest image = ResolveImage(request, init_size, model, rules);
  for (const uint64_t seed : ResolveSeeds(request)) {
    parsed.images.push_back(image);
    parsed.images.back().seed = seed;
  }
  return parsed;
}

}  // namespace darkroom
