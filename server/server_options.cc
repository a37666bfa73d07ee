#include "server/server_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace darkroom {
namespace {

constexpr int kBadUsage = 2;
constexpr int kUsualMostSteps = 50;

// <folder of the program>/../share/darkroom/models/emoji, in the build tree as when installed.
std::string EmbeddedModel() {
  char program[4096] = {};
  const ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
  const std::string path(program, size > 0 ? static_cast<size_t>(size) : 0);
  return path.substr(0, path.rfind('/')) + "/../share/darkroom/models/emoji";
}

// "10ms", "1.5s"; finite and not negative.
std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration >= absl::ZeroDuration() &&
      duration < absl::InfiniteDuration()) {
    return "";
  }
  return absl::StrCat("\"", text.substr(0, 64), "\" is not a duration such as 10ms or 1.5s");
}

// "HOST:PORT", with the host of an IPv6 address in brackets.
std::string CheckAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (digits && colon > 0 && std::stoi(port) <= 65535) return "";
  return absl::StrCat("\"", text.substr(0, 64), "\" is not HOST:PORT");
}

class OptionsParser {
 public:
  OptionsParser() {
    app_.set_version_flag("--version", "darkroom-server " DARKROOM_VERSION);
    app_.get_formatter()->column_width(38);
    AddServing();
    AddBatching();
    AddLimits();
    AddOperation();
  }

  std::variant<ServerOptions, EarlyExit> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      std::ostringstream out, err;
      const int code = app_.exit(error, out, err);
      if (code == 0) return EarlyExit{0, out.str()};
      return EarlyExit{kBadUsage, err.str() + BlameEnvironment(err.str())};
    }
    absl::ParseDuration(window_, &options_.batch.window);
    absl::ParseDuration(lame_duck_, &options_.drain.lame_duck);
    absl::ParseDuration(drain_timeout_, &options_.drain.timeout);
    options_.dtype = dtypes_.at(dtype_);
    if (!vae_dtype_.empty()) options_.vae_dtype = dtypes_.at(vae_dtype_);
    if (generator_device_ == "cuda") options_.rules.generator_device = GeneratorDevice::kCuda;
    options_.log.json = log_format_ == "json";
    options_.log.level = levels_.at(log_level_);
    ResolveBatching();
    if (const absl::Status status = Validate(options_.batch); !status.ok()) {
      return EarlyExit{kBadUsage, absl::StrCat(std::string(status.message()), "\n")};
    }
    return std::move(options_);
  }

 private:
  void ResolveBatching() {
    BatchOptions& batch = options_.batch;
    if (batching_ == "static") batch.mode = BatchingMode::kStatic;
    if (determinism_ == "bits") batch.padded_sizes = {batch.max_batch_size};
    QueueLimits& limits = batch.limits;
    const auto given_or = [](int64_t given, int64_t other) { return given > 0 ? given : other; };
    limits.pixels = given_or(queued_pixels_, limits.images * options_.rules.max_pixels);
    limits.pixel_steps = given_or(queued_pixel_steps_, limits.pixels * kUsualMostSteps);
    // The last quarter is for others, but a request of the largest kind has room.
    const int64_t share = std::max<int64_t>(limits.images * 3 / 4, options_.rules.max_images);
    limits.images_per_tenant = given_or(queued_images_per_tenant_, std::min(share, limits.images));
  }

  // Where a wrong value may come from the environment, says so: the flag's name alone would
  // mislead.
  std::string BlameEnvironment(const std::string& error) const {
    for (const CLI::Option* option : app_.get_options()) {
      const std::string& variable = option->get_envname();
      if (variable.empty() || std::getenv(variable.c_str()) == nullptr) continue;
      if (!absl::StrContains(error, option->get_name())) continue;
      return absl::StrCat("The environment sets ", variable, ".\n");
    }
    return "";
  }

  // A flag and its environment variable: --batch-window and DARKROOM_BATCH_WINDOW.
  template <typename Value>
  CLI::Option* Add(const std::string& flag, Value& value, const std::string& help) {
    const std::string variable =
        "DARKROOM_" + absl::AsciiStrToUpper(absl::StrReplaceAll(flag.substr(2), {{"-", "_"}}));
    return app_.add_option(flag, value, help)->envname(variable)->capture_default_str();
  }

  // A choice by name.
  void AddChoice(const std::string& flag, std::string& value, std::vector<std::string> names,
                 const std::string& help) {
    Add(flag, value, help)->check(CLI::IsMember(std::move(names)));
  }

  void AddServing() {
    Add("--model", options_.model, "Checkpoint folder in the diffusers layout")
        ->default_str("the embedded one");
    Add("--listen", options_.listen, "HOST:PORT to serve gRPC on; port 0 picks one; repeatable")
        ->check(CheckAddress, "HOST:PORT");
    Add("--metrics-listen", options_.metrics_listen, "HOST:PORT that serves /metrics")
        ->check(CheckAddress, "HOST:PORT");
    AddChoice("--device", device_, {"cpu"}, "Where to compute");
    Add("--dtype", dtype_, "Precision of the networks")->check(CLI::IsMember(dtypes_));
    Add("--vae-dtype", vae_dtype_, "Precision of the VAE")
        ->default_str("float32 where the checkpoint has force_upcast, else dtype")
        ->check(CLI::IsMember(dtypes_));
    AddChoice("--generator-device", generator_device_, {"cpu", "cuda"},
              "Whose random numbers make noise");
    Add("--threads", options_.threads, "Threads for computing; 0: all cores")
        ->check(CLI::Range(0, 1024));
  }

  void AddBatching() {
    AddChoice("--batching", batching_, {"static", "continuous"}, "How rows share passes");
    Add("--batch-window", window_, "How long an idle device waits for company")
        ->check(CheckDuration, "DURATION");
    Add("--max-batch-size", options_.batch.max_batch_size, "Images in one UNet pass")
        ->check(CLI::Range(1, 1024));
    AddChoice("--determinism", determinism_, {"noise", "bits"}, "What a seed promises");
  }

  void AddLimits() {
    Add("--max-queued-images", options_.batch.limits.images, "Images that may wait")
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
    Add("--max-queued-pixels", queued_pixels_,
        "Pixels that may wait; absent: max-queued-images x max-pixels")
        ->default_str("")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 50));
    Add("--max-queued-pixel-steps", queued_pixel_steps_,
        "Pixels x steps that may wait; absent: max-queued-pixels x 50")
        ->default_str("")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 58));
    Add("--max-queued-images-per-tenant", queued_images_per_tenant_,
        "Images of one caller's address that may wait; absent: three quarters of max-queued-images")
        ->default_str("")
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
    Add("--max-pixels", options_.rules.max_pixels, "Pixels of one image")
        ->check(CLI::Range(int64_t{64}, int64_t{1} << 28));
    Add("--max-images-per-request", options_.rules.max_images, "Images of one request")
        ->check(CLI::Range(1, 1024));
  }

  void AddOperation() {
    Add("--lame-duck", lame_duck_, "After SIGTERM: not ready, but still serving")
        ->check(CheckDuration, "DURATION");
    Add("--drain-timeout", drain_timeout_, "Then: patience with the work that was accepted")
        ->check(CheckDuration, "DURATION");
    Add("--log-format", log_format_, "text or json")->check(CLI::IsMember({"text", "json"}));
    Add("--log-level", log_level_, "Least level that is logged")->check(CLI::IsMember(levels_));
    app_.add_flag("--log-prompts", options_.log.prompts, "Write prompts into the log")
        ->envname("DARKROOM_LOG_PROMPTS");
  }

  ServerOptions options_{.model = EmbeddedModel()};
  CLI::App app_{"Makes images with Stable Diffusion XL, for callers over gRPC.", "darkroom-server"};
  const std::map<std::string, LogLevel> levels_ = {{"debug", LogLevel::kDebug},
                                                   {"info", LogLevel::kInfo},
                                                   {"warning", LogLevel::kWarning},
                                                   {"error", LogLevel::kError}};
  const std::map<std::string, Dtype> dtypes_ = {
      {"float32", Dtype::kFloat32}, {"float16", Dtype::kFloat16}, {"bfloat16", Dtype::kBfloat16}};
  std::string device_ = "cpu", dtype_ = "float32", vae_dtype_;
  std::string generator_device_ = "cpu", batching_ = "continuous", determinism_ = "noise";
  std::string window_ = "10ms", lame_duck_ = "5s", drain_timeout_ = "120s";
  std::string log_format_ = isatty(STDERR_FILENO) ? "text" : "json", log_level_ = "info";
  int64_t queued_pixels_ = 0, queued_pixel_steps_ = 0, queued_images_per_tenant_ = 0;
};

}  // namespace

std::variant<ServerOptions, EarlyExit> ParseServerOptions(int argc, const char* const* argv) {
  return OptionsParser().Parse(argc, argv);
}

}  // namespace darkroom
