#include "server/server_options.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config_settings.h"
#include "server/config_types.h"

namespace darkroom {
namespace {

constexpr int kBadUsage = 2;
constexpr int kUsualMostSteps = 50;
constexpr int64_t kMostImages = 1'000'000;
constexpr int64_t kMiB = 1 << 20;
// gRPC counts durations in milliseconds, in 32 bits: 24 days.
constexpr absl::Duration kLongest = absl::Hours(24 * 24);
constexpr absl::Duration kNone = absl::ZeroDuration();

const std::map<std::string, Dtype> kDtypes = {{"float32", Dtype::kFloat32},
                                              {"float16", Dtype::kFloat16},
                                              {"bfloat16", Dtype::kBfloat16},
                                              {"float8", Dtype::kFloat8}};
const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                 {"info", LogLevel::kInfo},
                                                 {"warning", LogLevel::kWarning},
                                                 {"error", LogLevel::kError}};

// <folder of the program>/../share/darkroom/models/emoji, in the build tree as when installed.
std::string EmbeddedModel() {
  char program[4096] = {};
  const ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
  const std::string path(program, size > 0 ? static_cast<size_t>(size) : 0);
  return path.substr(0, path.rfind('/')) + "/../share/darkroom/models/emoji";
}

class OptionsParser {
 public:
  OptionsParser() {
    settings_.AddQuestion("check-config", &check_, "Say whether the settings are good, and exit");
    settings_.AddQuestion("print-config", &print_, "Say all settings in TOML, and exit");
    // Absent ones follow from others.
    options_.batch.limits = {.images_per_tenant = 0, .pixels = 0, .pixel_steps = 0};
    AddServing();
    AddBatching();
    AddLimits();
    AddSecurity();
    AddOperation();
  }

  std::variant<ServerOptions, EarlyExit> Parse(int argc, const char* const* argv) {
    if (const auto exit = settings_.Read(argc, argv)) return *exit;
    ResolveNames();
    ResolveBatching();
    if (const absl::Status status = CheckTogether(); !status.ok()) {
      return EarlyExit{kBadUsage, absl::StrCat(std::string(status.message()), "\n")};
    }
    if (print_) return EarlyExit{0, settings_.ToToml()};
    if (check_) return EarlyExit{0, "configuration is valid\n"};
    return std::move(options_);
  }

 private:
  void AddServing() {
    settings_.StartGroup("Serving");
    settings_.Add({"model", &options_.model, Path("DIR"), "Checkpoint folder in diffusers' layout",
                   "the embedded one"});
    settings_.Add({"listen", &options_.listen, Address(),
                   "Where to serve gRPC; port 0 picks one; repeatable"});
    settings_.Add(
        {"metrics-listen", &options_.metrics_listen, Address(), "Where to serve /metrics"});
    settings_.Add({"health-listen", &options_.health_listen, Address(),
                   "Where to serve health in plaintext, for probes", "none"});
    settings_.Add({"device", &options_.devices, Device(),
                   "Where to compute, as in cuda:1; repeatable, a worker for each"});
    settings_.Add({"dtype", &dtype_, OneOf({"float32", "float16", "bfloat16", "float8"}),
                   "Precision of the networks", "float16 on GPUs, float32 on CPUs"});
    settings_.Add(
        {"vae-dtype", &vae_dtype_, OneOf({"float32", "float16", "bfloat16"}),
         "Precision of the VAE",
         "float32 where the checkpoint has force_upcast, else dtype, or float16 for float8"});
    settings_.Add({"generator-device", &generator_device_, OneOf({"cpu", "cuda"}),
                   "Whose random numbers make noise"});
    settings_.Add({"threads", &options_.threads, NumberBetween(0, 1024),
                   "Threads for computing; 0: all cores"});
  }

  void AddBatching() {
    settings_.StartGroup("Batching");
    settings_.Add(
        {"batching", &batching_, OneOf({"static", "continuous"}), "How rows share passes"});
    settings_.Add({"batch-window", &options_.batch.window, DurationBetween(kNone, kLongest),
                   "How long an idle device waits for company"});
    settings_.Add({"max-batch-size", &options_.batch.max_batch_size, NumberBetween(1, 1024),
                   "Images in one UNet pass"});
    settings_.Add({"determinism", &determinism_, OneOf({"noise", "bits"}), "What a seed promises"});
  }

  void AddLimits() {
    settings_.StartGroup("Limits");
    QueueLimits& queue = options_.batch.limits;
    settings_.Add({"max-queued-images", &queue.images, NumberBetween(1, kMostImages),
                   "Images that may wait"});
    settings_.Add({"max-queued-pixels", &queue.pixels, NumberBetween(1, int64_t{1} << 50),
                   "Pixels that may wait", "max-queued-images x max-pixels"});
    settings_.Add({"max-queued-pixel-steps", &queue.pixel_steps, NumberBetween(1, int64_t{1} << 58),
                   "Pixels x steps that may wait", "max-queued-pixels x 50"});
    settings_.Add({"max-queued-images-per-tenant", &queue.images_per_tenant,
                   NumberBetween(1, kMostImages), "Images of one tenant that may wait",
                   "max-queued-images; with auth-token-file, three quarters of it"});
    settings_.Add({"max-pixels", &options_.rules.max_pixels, NumberBetween(64, int64_t{1} << 28),
                   "Pixels of one image"});
    settings_.Add({"max-images-per-request", &options_.rules.max_images, NumberBetween(1, 1024),
                   "Images of one request"});
    ConnectionLimits& connections = options_.connections;
    settings_.Add({"max-request-bytes", &connections.max_request_bytes,
                   NumberBetween(1024, 2047 * kMiB), "Bytes of one request"});
    settings_.Add({"max-request-duration", &connections.max_request_duration,
                   DurationBetween(absl::Seconds(1), kLongest),
                   "Deadline of calls that set none, and the latest that others have"});
    settings_.Add({"write-timeout", &connections.write_timeout,
                   DurationBetween(absl::Seconds(1), kLongest),
                   "Patience with the reader of a stream, for each message"});
    settings_.Add({"max-concurrent-calls", &connections.max_concurrent_calls,
                   NumberBetween(1, kMostImages), "Calls at once on one connection"});
    settings_.Add({"max-connection-age", &connections.max_age,
                   DurationBetween(absl::Seconds(1), kLongest),
                   "Age at which a connection is asked to close; its calls may still end"});
    settings_.Add({"grpc-memory-limit", &connections.grpc_memory,
                   NumberBetween(16 * kMiB, kMiB << 20),
                   "Bytes that all connections and their messages may hold at once"});
  }

  void AddSecurity() {
    settings_.StartGroup("Security");
    settings_.Add({"tls-cert", &options_.tls.cert_file, ReadableFile(),
                   "PEM certificate chain of the server; with tls-key", "none"});
    settings_.Add({"tls-key", &options_.tls.key_file, ReadableFile(),
                   "PEM private key of the server; with tls-cert", "none"});
    settings_.Add({"tls-client-ca", &options_.tls.client_ca_file, ReadableFile(),
                   "PEM certificates, one of which must have signed a caller's", "none"});
    settings_.Add({"auth-token-file", &options_.auth_token_file, ReadableFile(),
                   "Tokens of those who may call", "none, and everyone may"});
  }

  void AddOperation() {
    settings_.StartGroup("Operation");
    settings_.Add({"step-timeout", &options_.step_timeout, DurationBetween(kNone, kLongest),
                   "A device call that takes longer is taken as hung; 0s: none is"});
    settings_.Add({"lame-duck", &options_.drain.lame_duck, DurationBetween(kNone, kLongest),
                   "After SIGTERM: not ready, but still serving"});
    settings_.Add({"drain-timeout", &options_.drain.timeout, DurationBetween(kNone, kLongest),
                   "Then: patience with the work that was accepted"});
    settings_.Add({"log-format", &log_format_, OneOf({"text", "json"}),
                   "Of the lines on standard error", "text on a terminal, else json"});
    settings_.Add({"log-level", &log_level_, OneOf({"debug", "info", "warning", "error"}),
                   "Least level that is logged"});
    settings_.Add({"log-prompts", &options_.log.prompts, {}, "Write prompts into the log"});
  }

  void ResolveNames() {
    const bool on_gpus = options_.devices.front() != "cpu";
    options_.dtype =
        dtype_.empty() ? on_gpus ? Dtype::kFloat16 : Dtype::kFloat32 : kDtypes.at(dtype_);
    if (!vae_dtype_.empty()) options_.vae_dtype = kDtypes.at(vae_dtype_);
    if (generator_device_ == "cuda") options_.rules.generator_device = GeneratorDevice::kCuda;
    options_.log.json = log_format_ == "json";
    options_.log.level = kLevels.at(log_level_);
  }

  void ResolveBatching() {
    BatchOptions& batch = options_.batch;
    if (batching_ == "static") batch.mode = BatchingMode::kStatic;
    if (determinism_ == "bits") batch.padded_sizes = {batch.max_batch_size};
    QueueLimits& limits = batch.limits;
    const auto fill = [](int64_t& limit, int64_t value) { limit = limit > 0 ? limit : value; };
    fill(limits.pixels, limits.images * options_.rules.max_pixels);
    fill(limits.pixel_steps, limits.pixels * kUsualMostSteps);
    // Tenants are known apart by their tokens. The last quarter is for others, but a request of the
    // largest kind has room.
    const int64_t share = options_.auth_token_file.empty() ? limits.images : limits.images * 3 / 4;
    const int64_t room = std::max<int64_t>(share, options_.rules.max_images);
    fill(limits.images_per_tenant, std::min(room, limits.images));
  }

  // What no value has wrong by itself.
  absl::Status CheckTogether() const {
    const TlsOptions& tls = options_.tls;
    if (tls.cert_file.empty() != tls.key_file.empty()) {
      return absl::InvalidArgumentError("--tls-cert and --tls-key are given both or neither");
    }
    if (!tls.client_ca_file.empty() && tls.cert_file.empty()) {
      return absl::InvalidArgumentError("--tls-client-ca needs --tls-cert and --tls-key");
    }
    if (options_.connections.max_request_bytes > options_.connections.grpc_memory) {
      return absl::InvalidArgumentError("--max-request-bytes is more than --grpc-memory-limit");
    }
    const auto is_cpu = [](const std::string& device) { return device == "cpu"; };
    const auto cpus = std::ranges::count_if(options_.devices, is_cpu);
    if (cpus != 0 && cpus != std::ssize(options_.devices)) {
      return absl::InvalidArgumentError("--device names CPUs and GPUs");
    }
    if (check_) {
      const std::string error = ReadableFile().check(options_.model + "/model_index.json");
      if (!error.empty()) return absl::InvalidArgumentError("--model: " + error);
    }
    return Validate(options_.batch);
  }

  ServerOptions options_{.model = EmbeddedModel()};
  std::string dtype_, vae_dtype_, generator_device_ = "cpu";
  std::string batching_ = "continuous", determinism_ = "noise";
  std::string log_format_ = isatty(STDERR_FILENO) ? "text" : "json", log_level_ = "info";
  bool check_ = false, print_ = false;
  ConfigSettings settings_{"darkroom-server",
                           "Makes images with Stable Diffusion XL, for callers over gRPC.",
                           DARKROOM_VERSION};
};

}  // namespace

std::variant<ServerOptions, EarlyExit> ParseServerOptions(int argc, const char* const* argv) {
  return OptionsParser().Parse(argc, argv);
}

}  // namespace darkroom
