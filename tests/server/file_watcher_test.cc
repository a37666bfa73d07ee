#include "server/file_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "tests/support/manual_clock.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileWatcherTest : public testing::Test {
 protected:
  // Watches, each group by itself, from what the files are.
  void Watch(const std::vector<std::vector<std::string>>& groups) {
    calls_.resize(groups.size());
    std::vector<WatchedFiles> watched;
    for (size_t i = 0; i < groups.size(); ++i) {
      watched.push_back({groups[i], ReadFiles(groups[i]), [this, i](const FileContents& contents) {
                           calls_[i].push_back(contents);
                         }});
    }
    watcher_ = std::make_unique<FileWatcher>(std::move(watched), clock_);
    clock_.AwaitSleeperUntil(clock_.TimeNow() + FileWatcher::kInterval);
  }

  // Returns when the watcher has looked once more.
  void Look() {
    clock_.AdvanceTime(FileWatcher::kInterval);
    clock_.AwaitSleeperUntil(clock_.TimeNow() + FileWatcher::kInterval);
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  std::vector<std::vector<FileContents>> calls_;  // Of each group; read between looks.
  std::unique_ptr<FileWatcher> watcher_;
};

TEST_F(FileWatcherTest, TellsOfEveryChangeOnceWithAllContents) {
  const std::string one = folder_.Write("one", "1"), two = folder_.Write("two", "2");
  Watch({{one, two}});
  Look();
  EXPECT_THAT(calls_[0], IsEmpty());
  folder_.Write("two", "3");
  Look();
  Look();
  ASSERT_EQ(calls_[0].size(), 1u);
  EXPECT_EQ(calls_[0].back(), (FileContents{"1", "3"}));
  folder_.Write("one", "4");
  folder_.Write("two", "5");
  Look();
  ASSERT_EQ(calls_[0].size(), 2u);
  EXPECT_EQ(calls_[0].back(), (FileContents{"4", "5"}));
}

TEST_F(FileWatcherTest, TellsOfDrawnChangesAndOfNothingElse) {
  SeededRandom random;
  std::vector<std::string> paths;
  for (const char* name : {"a", "b", "c"}) paths.push_back(folder_.Write(name, "x"));
  Watch({{paths[0]}, {paths[1], paths[2]}});
  FileContents last = ReadFiles(paths);
  std::vector<size_t> expected(2);
  for (int i = 0; i < 300; ++i) {
    const std::string& path = paths[random.Between(0, 2)];
    if (random.Between(0, 3) == 0) {
      std::filesystem::remove(path);
    } else {
      folder_.Write(std::filesystem::path(path).filename().string(),
                    random.Between(0, 1) == 0 ? "x" : "y");
    }
    Look();
    const FileContents is = ReadFiles(paths);
    expected[0] += is[0] != last[0];
    expected[1] += is[1] != last[1] || is[2] != last[2];
    last = is;
    ASSERT_EQ(calls_[0].size(), expected[0]);
    ASSERT_EQ(calls_[1].size(), expected[1]);
  }
  EXPECT_GT(expected[0], 0u);
  EXPECT_EQ(calls_[0].back(), FileContents{last[0]});
  EXPECT_EQ(calls_[1].back(), (FileContents{last[1], last[2]}));
}

TEST_F(FileWatcherTest, AFileThatVanishedIsNewsAndSoIsItsReturn) {
  const std::string path = folder_.Write("file", "1");
  Watch({{path}});
  std::filesystem::remove(path);
  Look();
  Look();
  ASSERT_EQ(calls_[0].size(), 1u);
  EXPECT_THAT(calls_[0][0][0], StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  folder_.Write("file", "1");
  Look();
  ASSERT_EQ(calls_[0].size(), 2u);
  EXPECT_EQ(calls_[0][1][0], absl::StatusOr<std::string>("1"));
}

TEST_F(FileWatcherTest, SeesASymbolicLinkAboveTheFileExchanged) {
  // As Kubernetes mounts a secret: file -> ..data/file, ..data -> a folder for each version.
  const auto& root = folder_.path();
  for (const char* version : {"v1", "v2"}) {
    std::filesystem::create_directory(root / version);
    folder_.Write(std::string(version) + "/tls.crt", version);
  }
  std::filesystem::create_symlink("v1", root / "..data");
  std::filesystem::create_symlink("..data/tls.crt", root / "tls.crt");
  Watch({{root / "tls.crt"}});
  std::filesystem::create_symlink("v2", root / "..data_tmp");
  std::filesystem::rename(root / "..data_tmp", root / "..data");
  Look();
  ASSERT_EQ(calls_[0].size(), 1u);
  EXPECT_EQ(calls_[0][0], FileContents{"v2"});
}

TEST_F(FileWatcherTest, ComparesWithWhatTheRecipientBeganWith) {
  const std::string path = folder_.Write("file", "1");
  FileContents known = ReadFiles({path});
  folder_.Write("file", "2");  // Before the watcher exists.
  std::vector<FileContents> calls;
  std::vector<WatchedFiles> groups;
  groups.push_back({{path}, std::move(known), [&](const FileContents& c) { calls.push_back(c); }});
  FileWatcher watcher(std::move(groups), clock_);
  clock_.AwaitSleeperUntil(clock_.TimeNow() + FileWatcher::kInterval);
  Look();
  EXPECT_THAT(calls, ElementsAre(FileContents{"2"}));
}

TEST_F(FileWatcherTest, TheDestructorDoesNotWaitForTheNextLook) {
  Watch({{folder_.Write("file", "1")}});
  folder_.Write("file", "2");
  watcher_.reset();  // The clock stands.
  EXPECT_THAT(calls_[0], IsEmpty());
}

TEST_F(FileWatcherTest, FilesUpToTheBoundAreReadWhole) {
  SeededRandom random;
  const std::string most = random.Bytes(1 << 20);
  const auto contents = ReadFiles(
      {folder_.Write("most", most), folder_.Write("over", most + "x"), folder_.Write("empty", "")});
  EXPECT_TRUE(contents[0] == absl::StatusOr<std::string>(most));
  EXPECT_THAT(contents[1], StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("larger")));
  EXPECT_TRUE(contents[2] == absl::StatusOr<std::string>(""));
}

TEST_F(FileWatcherTest, WhatIsNoRegularFileIsAnErrorAtOnce) {
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, folder_.path().string(), std::string("/dev/zero")}) {
    EXPECT_THAT(ReadFiles({path})[0],
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path)));
  }
}

}  // namespace
}  // namespace darkroom
