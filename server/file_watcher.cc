#include "server/file_watcher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::Status SystemError(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
}

absl::StatusOr<std::string> ReadBounded(const std::string& path, int file) {
  std::string content;
  while (true) {
    char buffer[16384];
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > kMaxFileBytes) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot read ", path, ": larger than ", kMaxFileBytes, " bytes"));
    }
  }
}

absl::StatusOr<std::string> ReadOne(const std::string& path) {
  // A pipe would hold a blocking open until somebody writes.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return SystemError(path);
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat about;
  if (fstat(file, &about) != 0) return SystemError(path);
  if (!S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", path, ": not a regular file"));
  }
  return ReadBounded(path, file);
}

}  // namespace

FileContents ReadFiles(const std::vector<std::string>& paths) {
  FileContents contents;
  contents.reserve(paths.size());
  for (const std::string& path : paths) contents.push_back(ReadOne(path));
  return contents;
}

FileWatcher::FileWatcher(std::vector<WatchedFiles> groups, Clock& clock)
    : groups_(std::move(groups)), clock_(clock), thread_(&FileWatcher::Run, this) {}

FileWatcher::~FileWatcher() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void FileWatcher::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      const absl::Time next = clock_.TimeNow() + kInterval;
      if (clock_.AwaitWithDeadline(&mu_, absl::Condition(&stopping_), next)) return;
    }
    for (WatchedFiles& group : groups_) {
      FileContents contents = ReadFiles(group.paths);
      if (contents == group.known) continue;
      group.known = std::move(contents);
      group.on_change(group.known);
    }
  }
}

}  // namespace darkroom
