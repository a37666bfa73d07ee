// A folder that is not quite a checkpoint is refused in words that name the file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <set>
#include <string>

#include "model/sdxl_pipeline.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kModel[] = "models/emoji";

// The files without which there are no images.
std::set<std::string> NeededFiles() {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(kModel)) {
    const fs::path& path = entry.path();
    const bool is_optional =
        path.extension() == ".md" || path.filename() == "special_tokens_map.json";
    const fs::path name = fs::relative(path, kModel);
    // Beside the checkpoint stands how it was trained and is evaluated.
    const bool is_read = *name.begin() != "training" && name != "evaluate";
    if (entry.is_regular_file() && is_read && !is_optional) files.insert(name);
  }
  return files;
}

class IncompleteCheckpointTest : public testing::TestWithParam<std::string> {
 protected:
  // The embedded model as links, so that a test can change one of its files.
  void SetUp() override {
    for (const std::string& file : NeededFiles()) {
      const fs::path link = folder_.path() / file;
      fs::create_directories(link.parent_path());
      fs::create_symlink(fs::absolute(fs::path(kModel) / file), link);
    }
  }

  TemporaryFolder folder_;
};

TEST_P(IncompleteCheckpointTest, IsRefusedWithTheNameOfItsBrokenFile) {
  for (const std::string content : {"not what it was", "", "[]"}) {
    const std::string path = folder_.Write(GetParam(), content);
    EXPECT_THAT(LoadSdxlPipeline(folder_.path(), {.threads = 2}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)))
        << content;
  }
}

TEST_P(IncompleteCheckpointTest, IsRefusedWithTheFolderOfItsMissingFile) {
  fs::remove(folder_.path() / GetParam());
  const std::string parent = fs::path(folder_.path() / GetParam()).parent_path();
  EXPECT_THAT(LoadSdxlPipeline(folder_.path(), {.threads = 2}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(parent)));
}

std::string FileName(const testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, IncompleteCheckpointTest, testing::ValuesIn(NeededFiles()),
                         FileName);

TEST(SdxlCheckpointTest, AFolderThatIsNoneIsNotFound) {
  EXPECT_THAT(LoadSdxlPipeline("no/such/folder", {.threads = 2}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such/folder")));
}

}  // namespace
}  // namespace darkroom
