#ifndef DARKROOM_SERVER_EARLY_EXIT_H_
#define DARKROOM_SERVER_EARLY_EXIT_H_

#include <string>

namespace darkroom {

// The program is to end now, without serving.
struct EarlyExit {
  int code = 0;         // 0 where a question was answered, as --help; 2 after bad usage.
  std::string message;  // For standard output when the code is 0, else for standard error.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_EARLY_EXIT_H_
