#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr int64_t kBarWidth = 30;
constexpr char kEraseLine[] = "\r\x1b[K";

}  // namespace

bool StderrIsTerminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) && kind != nullptr && absl::string_view(kind) != "dumb";
}

Progress::Progress(std::ostream& out, bool terminal, int64_t total)
    : out_(out), terminal_(terminal), total_(total) {
  DrawBar();
}

Progress::~Progress() {
  if (terminal_) out_ << std::endl;
}

void Progress::ImageDone(absl::string_view file) {
  ++done_;
  if (!terminal_) out_ << absl::StrCat(done_, " of ", total_, " images done: ", file) << std::endl;
  DrawBar();
}

void Progress::ImagesFailed(int64_t images) {
  failed_ += images;
  DrawBar();
}

void Progress::Note(absl::string_view line) {
  if (terminal_) out_ << kEraseLine;
  out_ << line << std::endl;
  DrawBar();
}

void Progress::DrawBar() {
  if (!terminal_) return;
  const int64_t filled =
      kBarWidth * std::min(done_ + failed_, total_) / std::max<int64_t>(total_, 1);
  out_ << kEraseLine << '[' << std::string(filled, '#') << std::string(kBarWidth - filled, '.')
       << absl::StrCat("] ", done_, " of ", total_, " images done");
  if (failed_ > 0) out_ << absl::StrCat(", ", failed_, " failed");
  out_ << std::flush;
}

}  // namespace darkroom
