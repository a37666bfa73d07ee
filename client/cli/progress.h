#ifndef DARKROOM_CLIENT_CLI_PROGRESS_H_
#define DARKROOM_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <ostream>

#include "absl/strings/string_view.h"

namespace darkroom {

// Whether standard error is a terminal on which a line can be written over.
bool StderrIsTerminal();

// Tells on `out` how many images of all are done: on a terminal with a bar that redraws itself,
// elsewhere with a line for every image. The destructor leaves the cursor on a fresh line.
class Progress {
 public:
  // `out` is borrowed.
  Progress(std::ostream& out, bool terminal, int64_t total);
  ~Progress();

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // An image is in `file`.
  void ImageDone(absl::string_view file);
  // These many images will never be.
  void ImagesFailed(int64_t images);
  // Writes a line, such as an error, which stays on the screen.
  void Note(absl::string_view line);

 private:
  void DrawBar();

  std::ostream& out_;
  const bool terminal_;
  const int64_t total_;
  int64_t done_ = 0;
  int64_t failed_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_PROGRESS_H_
