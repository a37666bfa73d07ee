#include "server/generation_parameters.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

std::string WebUiParameters(const ImageRequest& image, const ModelInfo& model) {
  std::string text = image.prompt;
  if (image.negative_prompt) absl::StrAppend(&text, "\nNegative prompt: ", *image.negative_prompt);
  absl::StrAppend(&text, "\nSteps: ", image.steps, ", Sampler: ", NameOf(image.scheduler).web_ui,
                  ", CFG scale: ", image.guidance_scale, ", Seed: ", image.seed,
                  ", Size: ", image.size.width, "x", image.size.height, ", Model: ", model.id);
  if (image.init_image != nullptr) absl::StrAppend(&text, ", Denoising strength: ", image.strength);
  absl::StrAppend(&text, ", RNG: ", image.generator_device == GeneratorDevice::kCpu ? "CPU" : "GPU",
                  ", Version: Darkroom " DARKROOM_VERSION);
  return text;
}

// The request for this image alone. The id goes: the next call gets its own.
v1::GenerateImagesRequest RequestForOne(v1::GenerateImagesRequest request,
                                        const ImageRequest& image, const ModelInfo& model) {
  request.clear_request_id();
  request.clear_num_images();
  request.clear_seeds();
  request.clear_output();
  request.set_model(model.id);
  request.set_seed(image.seed);
  request.set_width(static_cast<uint32_t>(image.size.width));
  request.set_height(static_cast<uint32_t>(image.size.height));
  request.set_num_inference_steps(static_cast<uint32_t>(image.steps));
  request.set_guidance_scale(image.guidance_scale);
  request.set_scheduler(NameOf(image.scheduler).scheduler);
  request.set_generator_device(NameOf(image.generator_device).device);
  if (request.has_init_image()) {
    request.mutable_init_image()->clear_data();
    if (!image.denoising_start) request.mutable_init_image()->set_strength(image.strength);
  }
  return request;
}

}  // namespace

SchedulerName NameOf(SchedulerType type) {
  switch (type) {
    case SchedulerType::kEuler: return {v1::SCHEDULER_EULER, "Euler"};
    case SchedulerType::kEulerAncestral: return {v1::SCHEDULER_EULER_ANCESTRAL, "Euler a"};
    case SchedulerType::kDpmpp2m: return {v1::SCHEDULER_DPMPP_2M, "DPM++ 2M"};
    case SchedulerType::kDpmpp2mKarras: return {v1::SCHEDULER_DPMPP_2M_KARRAS, "DPM++ 2M Karras"};
    case SchedulerType::kDpmpp2mSde: return {v1::SCHEDULER_DPMPP_2M_SDE, "DPM++ 2M SDE"};
    case SchedulerType::kDdim: return {v1::SCHEDULER_DDIM, "DDIM"};
    case SchedulerType::kUniPc: return {v1::SCHEDULER_UNIPC, "UniPC"};
    case SchedulerType::kHeun: return {v1::SCHEDULER_HEUN, "Heun"};
    case SchedulerType::kLcm: return {v1::SCHEDULER_LCM, "LCM"};
  }
  return {v1::SCHEDULER_UNSPECIFIED, "unknown"};
}

GeneratorName NameOf(GeneratorDevice device) {
  switch (device) {
    case GeneratorDevice::kCpu: return {v1::GENERATOR_DEVICE_CPU, "cpu"};
    case GeneratorDevice::kCuda: return {v1::GENERATOR_DEVICE_CUDA, "cuda"};
  }
  return {v1::GENERATOR_DEVICE_UNSPECIFIED, "unknown"};
}

std::vector<ImageText> DescribeImage(const v1::GenerateImagesRequest& request,
                                     const ImageRequest& image, const ModelInfo& model) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string request_json;
  // Cannot fail: the message is well formed, and holds no Any.
  const auto status = google::protobuf::util::MessageToJsonString(
      RequestForOne(request, image, model), &request_json, options);
  nlohmann::json description = {
      {"request", nlohmann::json::parse(status.ok() ? request_json : "{}")},
      {"model", model.id},
      {"dtype", model.dtype},
      {"vae_dtype", model.vae_dtype},
      {"generator_device", NameOf(image.generator_device).torch},
      {"server_version", DARKROOM_VERSION}};
  return {{"parameters", WebUiParameters(image, model)}, {"darkroom", description.dump()}};
}

}  // namespace darkroom
