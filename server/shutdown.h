#ifndef DARKROOM_SERVER_SHUTDOWN_H_
#define DARKROOM_SERVER_SHUTDOWN_H_

namespace darkroom {

// Keeps SIGTERM and SIGINT from ending the process, in this thread and all that it starts from now
// on; ignores SIGPIPE. To be called before any other thread exists.
void HoldShutdownSignals();

// Waits for the first of the held signals and returns its number.
int AwaitShutdownSignal();

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SHUTDOWN_H_
