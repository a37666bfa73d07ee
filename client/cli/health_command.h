#ifndef DARKROOM_CLIENT_CLI_HEALTH_COMMAND_H_
#define DARKROOM_CLIENT_CLI_HEALTH_COMMAND_H_

#include <string>

#include "client/cli/exit_status.h"

namespace CLI {
class App;
}

namespace darkroom {

// What `darkroom health` was told, as it was typed.
struct HealthFlags {
  std::string service = "darkroom.v1.ImageGenerationService";
  std::string timeout = "5s";
};

// Declares the flags; parsing `command` fills `flags`, which must outlive that.
void AddHealthFlags(CLI::App& command, HealthFlags& flags);

// Asks `server` once and prints SERVING, NOT_SERVING or UNKNOWN, as JSON if asked. kDone when it
// serves, kFailed when it does not or cannot be asked.
ExitStatus RunHealth(const HealthFlags& flags, const std::string& server, bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_HEALTH_COMMAND_H_
