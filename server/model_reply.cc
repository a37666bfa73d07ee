#include "server/model_reply.h"

#include "server/generation_parameters.h"
#include "server/proto_duration.h"
#include "server/request_checks.h"

namespace darkroom {
namespace {

// Every value of a wire enum but the unspecified one.
template <typename Enum, typename Add>
void AddAll(const google::protobuf::EnumDescriptor& descriptor, Add add) {
  for (int i = 0; i < descriptor.value_count(); ++i) {
    const int number = descriptor.value(i)->number();
    if (number != 0) add(static_cast<Enum>(number));
  }
}

}  // namespace

v1::GetModelResponse MakeModelReply(const ModelInfo& model, const ServerOptions& options) {
  const RequestRules& rules = options.rules;
  v1::GetModelResponse reply;
  reply.set_id(model.id);
  reply.set_hash(model.hash);
  auto& defaults = *reply.mutable_defaults();
  defaults.set_width(static_cast<uint32_t>(model.default_size.width));
  defaults.set_height(static_cast<uint32_t>(model.default_size.height));
  defaults.set_num_inference_steps(kDefaultSteps);
  defaults.set_guidance_scale(kDefaultGuidanceScale);
  defaults.set_strength(kDefaultStrength);
  defaults.set_scheduler(NameOf(model.default_scheduler).scheduler);
  defaults.set_generator_device(NameOf(rules.generator_device).device);
  defaults.set_format(v1::IMAGE_FORMAT_PNG);
  auto& limits = *reply.mutable_limits();
  limits.set_max_pixels(static_cast<uint64_t>(rules.max_pixels));
  limits.set_max_images(static_cast<uint32_t>(rules.max_images));
  limits.set_max_steps(static_cast<uint32_t>(rules.max_steps));
  limits.set_max_lcm_steps(static_cast<uint32_t>(model.max_lcm_steps));
  limits.set_max_clip_skip(static_cast<uint32_t>(model.max_clip_skip));
  limits.set_max_prompt_bytes(kMaxPromptBytes);
  limits.set_size_multiple(static_cast<uint32_t>(model.size_multiple));
  limits.set_max_request_bytes(static_cast<uint64_t>(options.connections.max_request_bytes));
  limits.set_max_batch_size(static_cast<uint32_t>(options.batch.max_batch_size));
  SetDuration(options.connections.max_request_duration, limits.mutable_max_request_duration());
  AddAll<v1::Scheduler>(*v1::Scheduler_descriptor(),
                        [&](v1::Scheduler value) { reply.add_schedulers(value); });
  AddAll<v1::ImageFormat>(*v1::ImageFormat_descriptor(),
                          [&](v1::ImageFormat value) { reply.add_formats(value); });
  reply.set_dtype(model.dtype);
  reply.set_vae_dtype(model.vae_dtype);
  for (const std::string& device : options.devices) reply.add_devices(device);
  reply.set_server_version(DARKROOM_VERSION);
  return reply;
}

}  // namespace darkroom
