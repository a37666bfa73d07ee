#include "client/cli/describe_command.h"

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/duration_flag.h"
#include "client/cli/enum_names.h"
#include "client/cli/text.h"
#include "client/cpp/image_client.h"

namespace darkroom {
namespace {

ExitStatus Fail(const std::string& message, ExitStatus status) {
  std::cerr << "darkroom describe: " << ForTerminal(message) << std::endl;
  return status;
}

void AddLine(absl::string_view name, absl::string_view value, std::string& text) {
  absl::StrAppendFormat(&text, "%-11s %s\n", name, ForTerminal(value));
}

std::string Schedulers(const v1::GetModelResponse& model) {
  std::vector<std::string> names;
  for (int scheduler : model.schedulers()) {
    names.push_back(SchedulerName(static_cast<v1::Scheduler>(scheduler)));
  }
  return absl::StrJoin(names, ", ");
}

std::string Formats(const v1::GetModelResponse& model) {
  std::vector<std::string> names;
  for (int format : model.formats()) {
    names.push_back(FormatName(static_cast<v1::ImageFormat>(format)));
  }
  return absl::StrJoin(names, ", ");
}

std::string Defaults(const v1::GetModelResponse::Defaults& defaults) {
  return absl::StrCat(defaults.width(), "x", defaults.height(), ", ",
                      defaults.num_inference_steps(), " steps, guidance ",
                      defaults.guidance_scale(), ", strength ", defaults.strength(), ", ",
                      SchedulerName(defaults.scheduler()), ", ", FormatName(defaults.format()));
}

std::string Limits(const v1::GetModelResponse::Limits& limits) {
  const absl::Duration longest = absl::Seconds(limits.max_request_duration().seconds()) +
                                 absl::Nanoseconds(limits.max_request_duration().nanos());
  return absl::StrCat(limits.max_images(), " images a request, ", limits.max_pixels(),
                      " pixels an image in multiples of ", limits.size_multiple(), ", ",
                      limits.max_steps(), " steps, ", limits.max_prompt_bytes(),
                      " bytes a prompt, ", absl::FormatDuration(longest), " a call");
}

std::string ToJson(const v1::GetModelResponse& model) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(model, &text, options);
  return status.ok() ? text : "";
}

}  // namespace

void AddDescribeFlags(CLI::App& command, DescribeFlags& flags) {
  command.add_option("--timeout", flags.timeout, "How long to wait for the answer")
      ->type_name("DURATION")
      ->capture_default_str();
}

std::string ToText(const v1::GetModelResponse& model) {
  std::string text;
  AddLine("model", model.id(), text);
  AddLine("hash", model.hash(), text);
  AddLine("devices", absl::StrJoin(model.devices(), ", "), text);
  AddLine("precision", absl::StrCat(model.dtype(), ", VAE ", model.vae_dtype()), text);
  AddLine("batches", absl::StrCat("up to ", model.limits().max_batch_size(), " images"), text);
  AddLine("defaults", Defaults(model.defaults()), text);
  AddLine("limits", Limits(model.limits()), text);
  AddLine("schedulers", Schedulers(model), text);
  AddLine("formats", Formats(model), text);
  if (model.loras_size() > 0) AddLine("LoRAs", absl::StrJoin(model.loras(), ", "), text);
  AddLine("server", model.server_version(), text);
  return text;
}

ExitStatus RunDescribe(const DescribeFlags& flags, const std::string& server, bool json) {
  const absl::StatusOr<absl::Duration> timeout =
      ParseDurationFlag("--timeout", flags.timeout, absl::Milliseconds(1));
  if (!timeout.ok()) return Fail(std::string(timeout.status().message()), kUsage);

  const auto model = ImageClient(server).GetModel(absl::Now() + *timeout);
  if (!model.ok()) return Fail(model.status().ToString(), kFailed);
  std::cout << (json ? ToJson(*model) : ToText(*model)) << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

}  // namespace darkroom
