#ifndef DARKROOM_CLIENT_CLI_BENCH_PROGRESS_LINE_H_
#define DARKROOM_CLIENT_CLI_BENCH_PROGRESS_LINE_H_

#include <ostream>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/notification.h"

namespace darkroom {

// While it lives, writes what `line` says to a terminal once a second, over what it wrote before.
// The destructor clears the line.
class ProgressLine {
 public:
  // `line` is called on a thread of its own; `out` is borrowed.
  ProgressLine(std::ostream& out, absl::AnyInvocable<std::string()> line);
  ~ProgressLine();

  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

 private:
  void Run();

  std::ostream& out_;
  absl::AnyInvocable<std::string()> line_;
  absl::Notification ending_;
  std::thread thread_;  // Last, so that everything it uses exists before it starts.
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_PROGRESS_LINE_H_
