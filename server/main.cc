// darkroom-server: puts the parts together, serves until SIGTERM or SIGINT, and takes them apart in
// the order that loses nothing.

#include <cstdio>
#include <future>
#include <memory>
#include <variant>

#include "absl/time/clock.h"
#include "model/sdxl_pipeline.h"
#include "server/codec_pool.h"
#include "server/device_worker.h"
#include "server/grpc_server.h"
#include "server/image_service.h"
#include "server/logging.h"
#include "server/metrics.h"
#include "server/metrics_endpoint.h"
#include "server/server_options.h"
#include "server/shutdown.h"
#include "server/warm_up.h"

namespace darkroom {
namespace {

constexpr int kCodecThreads = 2;
constexpr size_t kMaxWaitingFiles = 64;
enum ExitCode { kClean = 0, kFailed = 1, kNotLoaded = 3 };

ExitCode Fail(ExitCode code, const std::string& message) {
  LogEvent(LogLevel::kError, "failed", {{"error", message}});
  return code;
}

struct Loaded {
  std::unique_ptr<ImageGenerator> generator;
  DeviceProfile profile;
};

absl::StatusOr<Loaded> LoadAndWarmUp(const ServerOptions& options) {
  const BatchOptions& batch = options.batch;
  auto generator = LoadSdxlPipeline(
      options.model, {.threads = options.threads,
                      .dtype = options.dtype,
                      .vae_dtype = options.vae_dtype,
                      .padded_rows = batch.padded_sizes.empty() ? 0 : batch.max_batch_size});
  if (!generator.ok()) return generator.status();
  auto profile = WarmUp(**generator, batch, SteadyClock());
  if (!profile.ok()) return profile.status();
  return Loaded{*std::move(generator), *std::move(profile)};
}

void PrintReady(const ModelInfo& model, const MetricsEndpoint& metrics, const GrpcServer& server) {
  std::printf("metrics on %s\n", metrics.address().c_str());
  for (const std::string& address : server.addresses()) {
    std::printf("darkroom-server ready on %s (model %s, device %s)\n", address.c_str(),
                model.id.c_str(), model.device.c_str());
  }
  std::fflush(stdout);
}

ExitCode Serve(const ServerOptions& options) {
  // On a thread that ends: LibTorch keeps compute threads for every thread that has called it, and
  // with more of them than cores those of the batcher's thread would sleep between all operations.
  const auto loaded = std::async(std::launch::async, LoadAndWarmUp, options).get();
  if (!loaded.ok()) return Fail(kNotLoaded, std::string(loaded.status().message()));
  ImageGenerator& generator = *loaded->generator;
  const ModelInfo& model = generator.info();
  Metrics metrics(model, options.batch.limits.images);
  const auto endpoint = MetricsEndpoint::Start(options.metrics_listen, metrics);
  if (!endpoint.ok()) return Fail(kFailed, std::string(endpoint.status().message()));

  CodecPool codecs(kCodecThreads, kMaxWaitingFiles);
  DeviceWorker worker(generator, options.batch, loaded->profile, SteadyClock(), metrics);
  ImageService service(
      {model, options.rules, options.log.prompts, SteadyClock(), worker, codecs, metrics});
  auto server = GrpcServer::Start(options.listen, service);
  if (!server.ok()) return Fail(kFailed, std::string(server.status().message()));
  metrics.SetReady(true);
  PrintReady(model, *endpoint, **server);

  const int signal = AwaitShutdownSignal();
  LogEvent(LogLevel::kInfo, "draining", {{"signal", signal}});
  metrics.SetReady(false);
  (*server)->SetNotReady();
  absl::SleepFor(options.drain.lame_duck);
  worker.Drain(options.drain.timeout);
  codecs.AwaitIdle();
  (*server)->Shutdown();
  LogEvent(LogLevel::kInfo, "stopped");
  return kClean;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  const auto parsed = darkroom::ParseServerOptions(argc, argv);
  if (const auto* exit = std::get_if<darkroom::EarlyExit>(&parsed)) {
    std::fputs(exit->message.c_str(), exit->code == 0 ? stdout : stderr);
    return exit->code;
  }
  const auto& options = std::get<darkroom::ServerOptions>(parsed);
  darkroom::HoldShutdownSignals();
  darkroom::StartLogging(options.log);
  const int code = darkroom::Serve(options);
  darkroom::StopLogging();
  return code;
}
