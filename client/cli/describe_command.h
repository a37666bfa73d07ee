#ifndef DARKROOM_CLIENT_CLI_DESCRIBE_COMMAND_H_
#define DARKROOM_CLIENT_CLI_DESCRIBE_COMMAND_H_

#include <string>

#include "client/cli/exit_status.h"
#include "darkroom/v1/image_generation.pb.h"

namespace CLI {
class App;
}

namespace darkroom {

// What `darkroom describe` was told, as it was typed.
struct DescribeFlags {
  std::string timeout = "5s";
};

// Declares the flags; parsing `command` fills `flags`, which must outlive that.
void AddDescribeFlags(CLI::App& command, DescribeFlags& flags);

// A line for each thing to know about the model.
std::string ToText(const v1::GetModelResponse& model);

// Prints what `server` has to offer: GetModel's answer as text, or as JSON in the proto's mapping.
ExitStatus RunDescribe(const DescribeFlags& flags, const std::string& server, bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_DESCRIBE_COMMAND_H_
