#ifndef DARKROOM_CLIENT_CLI_BENCH_BENCH_COMMAND_H_
#define DARKROOM_CLIENT_CLI_BENCH_BENCH_COMMAND_H_

#include <string>

#include "client/cli/bench/options.h"
#include "client/cli/exit_status.h"

namespace darkroom {

// Runs `darkroom bench` against `server`: sends requests as they arrive, and reports when the last
// is answered. Ctrl-C ends it early, with a report of what there is. kDone when every request that
// was sent was answered, be it with an error; kFailed when the server cannot be reached at the
// start, after an interrupt, and when a file could not be written.
ExitStatus RunBench(BenchFlags flags, const std::string& server, bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_BENCH_COMMAND_H_
