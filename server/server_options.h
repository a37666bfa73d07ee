#ifndef DARKROOM_SERVER_SERVER_OPTIONS_H_
#define DARKROOM_SERVER_SERVER_OPTIONS_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "batcher/batch_options.h"
#include "model/dtype.h"
#include "server/field_rules.h"
#include "server/logging.h"

namespace darkroom {

// How the server ends.
struct DrainOptions {
  absl::Duration lame_duck = absl::Seconds(5);  // Not ready, but still serving.
  absl::Duration timeout = absl::Seconds(120);  // For the work that was accepted.
};

// Everything the command line and environment decide.
struct ServerOptions {
  std::string model;  // A checkpoint folder.
  std::vector<std::string> listen = {"127.0.0.1:50051"};
  std::string metrics_listen = "127.0.0.1:9464";
  int threads = 0;  // For computing; 0: all cores.
  Dtype dtype = Dtype::kFloat32;
  std::optional<Dtype> vae_dtype;  // Absent: the checkpoint's choice.
  BatchOptions batch;
  RequestRules rules;
  DrainOptions drain;
  LogOptions log;
};

// The program is to end now, without serving.
struct EarlyExit {
  int code = 0;         // 0 after --help and --version, 2 after bad usage.
  std::string message;  // For standard output when the code is 0, else for standard error.
};

// Flags go before the environment's DARKROOM_*, which goes before the defaults. Every value is
// checked; the first that is wrong is named.
std::variant<ServerOptions, EarlyExit> ParseServerOptions(int argc, const char* const* argv);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SERVER_OPTIONS_H_
