#ifndef DARKROOM_CLIENT_CLI_GENERATE_COMMAND_H_
#define DARKROOM_CLIENT_CLI_GENERATE_COMMAND_H_

#include <string>

#include "client/cli/exit_status.h"
#include "client/cli/generate_options.h"

namespace darkroom {

// Runs `darkroom generate` against `server`, a HOST:PORT: sends a request for each prompt at once,
// writes images as they arrive and, last, reports on standard output, as JSON if asked. Progress
// and errors go to standard error. Ctrl-C cancels what is in flight. kFailed when any image is
// missing; the others are written all the same.
ExitStatus RunGenerate(const GenerateFlags& flags, const std::string& server, bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_GENERATE_COMMAND_H_
