#ifndef DARKROOM_SERVER_SERVER_OPTIONS_H_
#define DARKROOM_SERVER_SERVER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "batcher/batch_options.h"
#include "model/dtype.h"
#include "server/early_exit.h"
#include "server/field_rules.h"
#include "server/logging.h"

namespace darkroom {

// How the server ends.
struct DrainOptions {
  absl::Duration lame_duck = absl::Seconds(5);  // Not ready, but still serving.
  absl::Duration timeout = absl::Seconds(120);  // For the work that was accepted.
};

// PEM files. Certificate and key come together; without them calls are in plaintext.
struct TlsOptions {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // Empty: callers need no certificate. Else there is a pair.
};

// What callers can make the server hold.
struct ConnectionLimits {
  absl::Duration max_age = absl::Minutes(5);  // Then the connection is asked to close.
  // Calls that set no deadline have this one, and no call has a later one. So it is also the grace
  // of calls on a connection that was asked to close.
  absl::Duration max_request_duration = absl::Hours(1);
  absl::Duration write_timeout = absl::Seconds(60);  // For the reader of one streamed message.
  int64_t max_request_bytes = 8'650'752;             // 8.25 MiB: an image of 8 MiB, and the rest.
  int64_t grpc_memory = int64_t{512} << 20;          // Bytes of all connections and their messages.
  int max_concurrent_calls = 1024;                   // On one connection.
};

// Everything that command line, environment and configuration file decide.
struct ServerOptions {
  std::string model;  // A checkpoint folder.
  std::vector<std::string> listen = {"127.0.0.1:50051"};
  std::string metrics_listen = "127.0.0.1:9464";
  std::string health_listen;                        // Empty: none.
  std::vector<std::string> devices = {"cpu"};       // One worker for each.
  int threads = 0;                                  // For computing; 0: all cores.
  Dtype dtype = Dtype::kFloat32;                    // On GPUs float16, unless told otherwise.
  std::optional<Dtype> vae_dtype;                   // Absent: the checkpoint's choice.
  absl::Duration step_timeout = absl::Minutes(15);  // A longer device call hangs; 0: never.
  BatchOptions batch;
  RequestRules rules;
  ConnectionLimits connections;
  TlsOptions tls;
  std::string auth_token_file;  // Empty: everyone may call.
  DrainOptions drain;
  LogOptions log;
};

// Flags go before the environment's DARKROOM_*, which goes before the file of --config, which goes
// before the defaults. Every value is checked, also one that a stronger source overrides; the first
// that is wrong is named, with where it stands. Files that are named, but for the model, are there
// and readable; --check-config looks at the model too.
std::variant<ServerOptions, EarlyExit> ParseServerOptions(int argc, const char* const* argv);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SERVER_OPTIONS_H_
