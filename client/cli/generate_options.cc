#include "client/cli/generate_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/enum_names.h"
#include "client/cli/input_files.h"
#include "client/cli/size_flag.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

using Request = v1::GenerateImagesRequest;
constexpr int kMaxPrompts = 1 << 20;  // More than a command line holds.
constexpr size_t kValueInErrors = 40;

// Sets a request's field from the text; false when it is no such value.
using Setter = absl::FunctionRef<bool(absl::string_view text, Request& request)>;

absl::Status BadValue(absl::string_view flag, absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      flag, ": \"", ForTerminal(Shortened(text, kValueInErrors)), "\" is not ", expected));
}

// Applies a list flag: its one value to all requests, or one value to each.
absl::Status SetEach(absl::string_view flag, const std::optional<std::string>& list,
                     absl::string_view expected, std::vector<Request>& requests, Setter set) {
  if (!list.has_value()) return absl::OkStatus();
  const std::vector<std::string> values = absl::StrSplit(*list, ',');
  if (values.size() != 1 && values.size() != requests.size()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " has ", values.size(), " values for ",
                                                   requests.size(),
                                                   " prompts: give one for all, or one for each"));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::string& value = values.size() == 1 ? values[0] : values[i];
    if (!set(value, requests[i])) return BadValue(flag, value, expected);
  }
  return absl::OkStatus();
}

bool SetSeed(absl::string_view text, Request& request) {
  uint64_t seed = 0;
  if (!absl::SimpleAtoi(text, &seed)) return false;
  request.set_seed(seed);
  return true;
}

bool SetSteps(absl::string_view text, Request& request) {
  uint32_t steps = 0;
  if (!absl::SimpleAtoi(text, &steps)) return false;
  request.set_num_inference_steps(steps);
  return true;
}

bool SetGuidance(absl::string_view text, Request& request) {
  double guidance = 0;
  if (!absl::SimpleAtod(text, &guidance) || !std::isfinite(guidance)) return false;
  request.set_guidance_scale(guidance);
  return true;
}

bool SetNumImages(absl::string_view text, Request& request) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) return false;
  request.set_num_images(count);
  return true;
}

bool SetScheduler(absl::string_view text, Request& request) {
  const std::optional<v1::Scheduler> scheduler = ParseScheduler(text);
  if (scheduler.has_value()) request.set_scheduler(*scheduler);
  return scheduler.has_value();
}

bool SetFormat(absl::string_view text, Request& request) {
  const std::optional<v1::ImageFormat> format = ParseFormat(text);
  if (format.has_value()) request.mutable_output()->set_format(*format);
  return format.has_value();
}

bool SetQuality(absl::string_view text, Request& request) {
  uint32_t quality = 0;
  if (!absl::SimpleAtoi(text, &quality)) return false;
  request.mutable_output()->set_quality(quality);
  return true;
}

bool SetStrength(absl::string_view text, Request& request) {
  double strength = 0;
  if (!absl::SimpleAtod(text, &strength) || !(strength > 0 && strength <= 1)) return false;
  request.mutable_init_image()->set_strength(strength);
  return true;
}

bool SetNegative(absl::string_view text, Request& request) {
  if (!IsUtf8(text)) return false;
  request.set_negative_prompt(std::string(text));
  return true;
}

// Reads the images to begin from: one for all requests, or one for each.
absl::Status SetInitImages(const GenerateFlags& flags, std::vector<Request>& requests) {
  const std::vector<std::string>& paths = flags.init_images;
  if (paths.empty()) {
    if (!flags.strength.has_value()) return absl::OkStatus();
    return absl::InvalidArgumentError("--strength needs --init-image");
  }
  if (paths.size() != 1 && paths.size() != requests.size()) {
    return absl::InvalidArgumentError(absl::StrCat("--init-image comes ", paths.size(),
                                                   " times for ", requests.size(),
                                                   " prompts: give one for all, or one for each"));
  }
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> file = ReadFile(path);
    if (!file.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--init-image: ", file.status().message()));
    }
    files.push_back(*std::move(file));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].mutable_init_image()->set_data(files.size() == 1 ? files[0] : files[i]);
  }
  return absl::OkStatus();
}

// A contact sheet is made of what this program can read.
absl::Status CheckGrid(const GenerateFlags& flags) {
  if (flags.grid.empty() || flags.format == "png" || flags.format == "raw") return absl::OkStatus();
  return absl::InvalidArgumentError("--grid needs --format png or raw");
}

// Applies a flag whose one value, commas and all, goes to every request.
absl::Status SetAll(absl::string_view flag, const std::optional<std::string>& value,
                    absl::string_view expected, std::vector<Request>& requests, Setter set) {
  if (!value.has_value()) return absl::OkStatus();
  for (Request& request : requests) {
    if (!set(*value, request)) return BadValue(flag, *value, expected);
  }
  return absl::OkStatus();
}

}  // namespace

void AddGenerateFlags(CLI::App& command, GenerateFlags& flags) {
  // CLI11 drops an empty value on its way into an optional, but `--negative ""` is not no negative.
  const auto add = [&command](const std::string& name, std::optional<std::string>& value,
                              const std::string& type, const std::string& help) {
    const auto assign = [&value](const std::string& text) { value = text; };
    command.add_option_function<std::string>(name, assign, help)->type_name(type);
  };
  // Not a vector, or CLI11 would take a prompt in square brackets for a list.
  const CLI::callback_t take_prompts = [&flags](const CLI::results_t& prompts) {
    flags.prompts = prompts;
    return true;
  };
  command.add_option("PROMPT", take_prompts, "What to show; one request for each, sent at once")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(kMaxPrompts, /*no maximum*/ -1);
  add("--seed", flags.seed, "S[,S...]", "Seed of the first image; default: drawn by the server");
  add("--num-images", flags.num_images, "N", "Images for each prompt, from seeds S, S+1, ...");
  add("--steps", flags.steps, "N[,N...]", "Denoising steps; default: the model's");
  add("--guidance", flags.guidance, "G[,G...]", "Guidance scale; default: the model's");
  add("--size", flags.size, "WxH", "Pixels, multiples of 8; default: the model's");
  add("--negative", flags.negative, "TEXT", "What to avoid");
  add("--scheduler", flags.scheduler, "NAME", absl::StrJoin(SchedulerNames(), ", "));
  // Not a vector, or CLI11 would take a name in square brackets for a list.
  const CLI::callback_t take_files = [&flags](const CLI::results_t& files) {
    flags.init_images = files;
    return true;
  };
  command
      .add_option("--init-image", take_files,
                  "PNG, JPEG or WebP to begin from; once for all prompts, or once for each")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("FILE")
      ->expected(1)
      ->allow_extra_args(false);
  add("--strength", flags.strength, "S[,S...]",
      "Share of the steps that the image goes through; default: 0.3");
  command.add_option("--format", flags.format, "png, jpeg, webp or raw (height x width x 3 bytes)")
      ->type_name("NAME")
      ->capture_default_str();
  add("--quality", flags.quality, "N", "1 to 100, for jpeg and webp; default: 90");
  command.add_option("--output", flags.output, "Folder for the images, made if need be")
      ->type_name("DIR")
      ->capture_default_str();
  command.add_flag("--grid{contact-sheet.png}", flags.grid,
                   "Also all images on one contact sheet in the folder; --grid=FILE names it");
  command.footer(
      "A list has one value for all prompts or one for each. A prompt that starts with a "
      "dash goes\nbehind --, as in: darkroom generate --steps 30 -- \"--a dashing fox\"");
}

absl::StatusOr<std::vector<Request>> MakeRequests(const GenerateFlags& flags) {
  std::vector<Request> requests;
  for (const std::string& prompt : flags.prompts) {
    if (!IsUtf8(prompt)) return BadValue("PROMPT", prompt, "UTF-8 text");
    requests.emplace_back().set_prompt(prompt);
  }
  const absl::Status results[] = {
      SetEach("--seed", flags.seed, "a whole number below 2^64", requests, SetSeed),
      SetEach("--steps", flags.steps, "a whole number", requests, SetSteps),
      SetEach("--guidance", flags.guidance, "a finite number", requests, SetGuidance),
      SetAll("--num-images", flags.num_images, "a whole number", requests, SetNumImages),
      SetAll("--size", flags.size, "a WIDTHxHEIGHT", requests, SetSize),
      SetAll("--negative", flags.negative, "UTF-8 text", requests, SetNegative),
      SetAll("--scheduler", flags.scheduler,
             absl::StrCat("one of ", absl::StrJoin(SchedulerNames(), ", ")), requests,
             SetScheduler),
      SetAll("--format", flags.format, "png, jpeg, webp or raw", requests, SetFormat),
      SetAll("--quality", flags.quality, "a whole number", requests, SetQuality),
      SetInitImages(flags, requests),
      SetEach("--strength", flags.strength, "a number above 0 and at most 1", requests,
              SetStrength),
      CheckGrid(flags),
  };
  for (const absl::Status& result : results) {
    if (!result.ok()) return result;
  }
  return requests;
}

}  // namespace darkroom
