#ifndef DARKROOM_CLIENT_CLI_EXIT_STATUS_H_
#define DARKROOM_CLIENT_CLI_EXIT_STATUS_H_

namespace darkroom {

// Exit statuses of every command.
enum ExitStatus { kDone = 0, kFailed = 1, kUsage = 2 };

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_EXIT_STATUS_H_
