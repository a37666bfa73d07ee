#ifndef DARKROOM_SERVER_FILE_WATCHER_H_
#define DARKROOM_SERVER_FILE_WATCHER_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"

namespace darkroom {

// Of each file its bytes, or why they could not be read.
using FileContents = std::vector<absl::StatusOr<std::string>>;

// Reads the files as they are. An error names its file: NOT_FOUND, PERMISSION_DENIED and the like;
// FAILED_PRECONDITION for what is no regular file or larger than 1 MiB.
FileContents ReadFiles(const std::vector<std::string>& paths);

// Files that belong together, and whom to tell of their changes.
struct WatchedFiles {
  std::vector<std::string> paths;
  FileContents known;  // What ReadFiles gave of them, and the recipient began with.
  // Called on the watcher's thread with all contents when any differs from what was known. A file
  // that cannot be read any more differs too. Files that change together may be seen half changed;
  // then another call follows.
  absl::AnyInvocable<void(const FileContents&)> on_change;
};

// Looks at files once every kInterval, on a thread of its own. Contents are compared, for a
// mounted Kubernetes secret changes by a symbolic link some folders above the file. The destructor
// returns when no callback runs any more.
class FileWatcher {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // The clock is borrowed and outlives the watcher.
  FileWatcher(std::vector<WatchedFiles> groups, Clock& clock);
  ~FileWatcher();

  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<WatchedFiles> groups_;  // The thread's alone.
  Clock& clock_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_FILE_WATCHER_H_
