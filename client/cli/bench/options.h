#ifndef DARKROOM_CLIENT_CLI_BENCH_OPTIONS_H_
#define DARKROOM_CLIENT_CLI_BENCH_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/bench/summary.h"

namespace CLI {
class App;
}

namespace darkroom {

// What `darkroom bench` was told, as it was typed.
struct BenchFlags {
  std::string rate;
  std::string duration = "30s";
  std::string warmup = "0s";
  std::string mix = "mixed";
  std::string seed = "0";
  std::string deadline = "60s";
  std::string max_in_flight = "1000";
  bool no_retries = false;
  bool dry_run = false;
  std::optional<std::string> json;  // A file; "-" is standard output.
  std::string plot;                 // A file; empty for none.
};

// Declares the flags; parsing `command` fills `flags`, which must outlive that.
void AddBenchFlags(CLI::App& command, BenchFlags& flags);

// INVALID_ARGUMENT says which flag makes no sense, or where the mix is wrong. Limits that are the
// server's, such as the number of steps, are left to the server.
absl::StatusOr<BenchSettings> MakeSettings(const BenchFlags& flags, const std::string& server);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_OPTIONS_H_
