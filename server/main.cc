// darkroom-server: puts the parts together, serves until SIGTERM or SIGINT, and takes them apart in
// the order that loses nothing.

#include <cstdio>
#include <memory>
#include <variant>

#include "model/sdxl_pipeline.h"
#include "server/image_service.h"
#include "server/inference_service.h"
#include "server/lifecycle.h"
#include "server/load_devices.h"
#include "server/logging.h"
#include "server/metrics/device_collector.h"
#include "server/metrics/log_collector.h"
#include "server/metrics/metrics_endpoint.h"
#include "server/metrics/process_collector.h"
#include "server/model_reply.h"
#include "server/security.h"
#include "server/server_options.h"
#include "server/watchdog.h"

namespace darkroom {
namespace {

constexpr int kCodecThreads = 2;
constexpr size_t kMaxWaitingFiles = 64;

// The number in "cuda:1"; nothing of "cpu".
std::optional<int> GpuOf(const std::string& device) {
  if (device == "cpu") return std::nullopt;
  const size_t colon = device.find(':');
  return colon == std::string::npos ? 0 : std::stoi(device.substr(colon + 1));
}

absl::StatusOr<std::unique_ptr<ImageGenerator>> LoadModel(const ServerOptions& options,
                                                          const std::string& device) {
  const BatchOptions& batch = options.batch;
  return LoadSdxlPipeline(options.model,
                          {.gpu = GpuOf(device),
                           .threads = options.threads,
                           .dtype = options.dtype,
                           .vae_dtype = options.vae_dtype,
                           .padded_rows = batch.padded_sizes.empty() ? 0 : batch.max_batch_size});
}

ExitCode Serve(const ServerOptions& options) {
  Clock& clock = SteadyClock();
  auto loaded = LoadDevices(options, LoadModel, clock);
  if (!loaded.ok()) return Fail(ExitCode::kNotLoaded, loaded.status());
  const ModelInfo& model = loaded->front().generator->info();
  Metrics metrics(model, options.batch.limits.images);
  const auto security = Security::Open(options, clock, metrics);
  if (!security.ok()) return Fail(ExitCode::kBadUsage, security.status());

  StopEvents events;
  const auto fail = [&events](const absl::Status& status) {
    events.Post({.kind = StopEvent::Kind::kFailure, .failure = status});
  };
  const auto on_hung = [&](const absl::Status& status) {
    metrics.batches.OnHungCall();
    fail(status);
  };
  CodecPool codecs(kCodecThreads, kMaxWaitingFiles);
  DevicePool devices(MakeWorkers(*loaded, options.batch, clock, metrics, fail));
  const auto endpoint = MetricsEndpoint::Start(
      options.metrics_listen,
      {metrics.registry, std::make_shared<DeviceCollector>(options.devices, devices),
       std::make_shared<ProcessCollector>(), std::make_shared<LogCollector>()});
  if (!endpoint.ok()) return Fail(ExitCode::kFailed, endpoint.status());
  LiveCalls calls;
  GenerationDesk desk({model, clock, devices, codecs, metrics, /*filter=*/nullptr}, options.rules);
  const CallRules rules = {.log_prompts = options.log.prompts,
                           .max_duration = options.connections.max_request_duration,
                           .write_timeout = options.connections.write_timeout};
  const CallContext context = {rules, clock, (*security)->authenticator(), desk, calls, metrics};
  ImageService images(context, MakeModelReply(model, options));
  ModelStatistics statistics;
  InferenceService inference(context, model, options.rules.max_images, statistics,
                             [&metrics] { return metrics.state.is_ready(); });
  grpc::Service* const services[] = {&images, &inference};
  const auto server = GrpcServer::Start({.addresses = options.listen,
                                         .credentials = (*security)->credentials(),
                                         .health_address = options.health_listen,
                                         .limits = options.connections},
                                        services);
  if (!server.ok()) return Fail(ExitCode::kFailed, server.status());
  const Watchdog watchdog(devices, calls, options.step_timeout, clock, on_hung);
  metrics.state.SetReady(true);
  PrintReady(model, options.devices, *endpoint, **server);
  return RunUntilStopped({events, options.drain, devices, codecs, calls, **server, metrics});
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
  const darkroom::ExitCode code = darkroom::Serve(options);
  darkroom::StopLogging();
  return static_cast<int>(code);
}
