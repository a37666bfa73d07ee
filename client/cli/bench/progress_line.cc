#include "client/cli/bench/progress_line.h"

#include <utility>

#include "absl/time/time.h"

namespace darkroom {
namespace {

constexpr char kEraseLine[] = "\r\x1b[K";

}  // namespace

ProgressLine::ProgressLine(std::ostream& out, absl::AnyInvocable<std::string()> line)
    : out_(out), line_(std::move(line)), thread_([this] { Run(); }) {}

ProgressLine::~ProgressLine() {
  ending_.Notify();
  thread_.join();
  out_ << kEraseLine << std::flush;
}

void ProgressLine::Run() {
  while (!ending_.WaitForNotificationWithTimeout(absl::Seconds(1))) {
    out_ << kEraseLine << line_() << std::flush;
  }
}

}  // namespace darkroom
