// darkroom-server: puts the parts together, serves until SIGTERM or SIGINT, and takes them apart in
// the order that loses nothing.

#include <prometheus/exposer.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "model/sdxl_pipeline.h"
#include "server/codec_pool.h"
#include "server/device_worker.h"
#include "server/grpc_server.h"
#include "server/image_service.h"
#include "server/logging.h"
#include "server/metrics.h"
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

absl::StatusOr<std::unique_ptr<ImageGenerator>> Load(const ServerOptions& options) {
  const BatchOptions& batch = options.batch;
  return LoadSdxlPipeline(options.model,
                          {.threads = options.threads,
                           .dtype = options.dtype,
                           .vae_dtype = options.vae_dtype,
                           .padded_rows = batch.padded_sizes.empty() ? 0 : batch.max_batch_size});
}

void PrintReady(const ModelInfo& model, int metrics_port, const ServerOptions& options,
                const GrpcServer& server) {
  const std::string& metrics = options.metrics_listen;
  std::printf("metrics on %s:%d\n", metrics.substr(0, metrics.rfind(':')).c_str(), metrics_port);
  for (const std::string& address : server.addresses()) {
    std::printf("darkroom-server ready on %s (model %s, device %s)\n", address.c_str(),
                model.id.c_str(), model.device.c_str());
  }
  std::fflush(stdout);
}

ExitCode Serve(const ServerOptions& options) {
  auto generator = Load(options);
  if (!generator.ok()) return Fail(kNotLoaded, std::string(generator.status().message()));
  auto profile = WarmUp(**generator, options.batch.max_batch_size, SteadyClock());
  if (!profile.ok()) return Fail(kNotLoaded, std::string(profile.status().message()));
  const ModelInfo& model = (*generator)->info();
  Metrics metrics(model, options.batch.limits.images);
  std::unique_ptr<prometheus::Exposer> exposer;
  try {
    exposer = std::make_unique<prometheus::Exposer>(options.metrics_listen);
  } catch (const std::exception& error) {
    return Fail(kFailed,
                absl::StrCat("cannot listen on ", options.metrics_listen, ": ", error.what()));
  }
  exposer->RegisterCollectable(metrics.registry());

  CodecPool codecs(kCodecThreads, kMaxWaitingFiles);
  DeviceWorker worker(**generator, options.batch, *profile, SteadyClock(), metrics);
  ImageService service(
      {model, options.rules, options.log.prompts, SteadyClock(), worker, codecs, metrics});
  auto server = GrpcServer::Start(options.listen, service);
  if (!server.ok()) return Fail(kFailed, std::string(server.status().message()));
  metrics.SetReady(true);
  PrintReady(model, exposer->GetListeningPorts().front(), options, **server);

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
