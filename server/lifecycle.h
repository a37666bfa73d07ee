#ifndef DARKROOM_SERVER_LIFECYCLE_H_
#define DARKROOM_SERVER_LIFECYCLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/codec_pool.h"
#include "server/device_pool.h"
#include "server/grpc_server.h"
#include "server/live_calls.h"
#include "server/metrics/metrics.h"
#include "server/metrics/metrics_endpoint.h"
#include "server/server_options.h"
#include "server/shutdown.h"

namespace darkroom {

enum class ExitCode { kClean = 0, kFailed = 1, kBadUsage = 2, kNotLoaded = 3 };

// Logs why, and gives the code.
ExitCode Fail(ExitCode code, const absl::Status& why);

// Tells who started the server that it accepts calls, and where, on standard output.
void PrintReady(const ModelInfo& model, const std::vector<std::string>& devices,
                const MetricsEndpoint& metrics, const GrpcServer& server);

// What has to end, and how.
struct Running {
  StopEvents& events;
  const DrainOptions& drain;
  DevicePool& devices;
  CodecPool& codecs;
  LiveCalls& calls;
  GrpcServer& server;
  Metrics& metrics;
};

// Serves until the first event. A signal: not ready; after the lame duck refuses new work and
// returns when what was accepted has ended. A second signal, or a failure: answers every call with
// UNAVAILABLE and ends the process within two seconds, with 0, or 1 after a failure; this does not
// return, for a device that hangs would not let it.
ExitCode RunUntilStopped(const Running& running);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_LIFECYCLE_H_
