#include "client/cli/output_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/seeded_random.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr char kIdCharacters[] = "abcXYZ0189._-";

v1::Image Png(uint32_t index, uint64_t seed) {
  v1::Image image;
  image.set_format(v1::IMAGE_FORMAT_PNG);
  image.set_index(index);
  image.set_seed(seed);
  image.set_data("pixels");
  return image;
}

class OutputFilesTest : public ::testing::Test {
 protected:
  std::string PathOf(const std::string& name) const { return (folder_ / name).string(); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    return names;
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(OutputFilesTest, NamesHoldIdIndexAndSeed) {
  EXPECT_EQ(*ImageFileName("r-1", Png(0, 7)), "r-1-0-7.png");
  EXPECT_EQ(*ImageFileName("r.2", Png(15, UINT64_MAX)), "r.2-15-18446744073709551615.png");
}

TEST_F(OutputFilesTest, ExtensionsFollowTheFormatOfTheReply) {
  const std::pair<v1::ImageFormat, std::string> names[] = {{v1::IMAGE_FORMAT_PNG, "r-1-2.png"},
                                                           {v1::IMAGE_FORMAT_JPEG, "r-1-2.jpg"},
                                                           {v1::IMAGE_FORMAT_WEBP, "r-1-2.webp"},
                                                           {v1::IMAGE_FORMAT_RAW_RGB, "r-1-2.rgb"}};
  for (const auto& [format, name] : names) {
    v1::Image image = Png(1, 2);
    image.set_format(format);
    EXPECT_EQ(*ImageFileName("r", image), name);
  }
}

TEST_F(OutputFilesTest, EveryPromisedIdMakesAPlainName) {
  SeededRandom random;
  for (int i = 0; i < 1000; ++i) {
    std::string id(random.Between(1, 64), '?');
    for (char& c : id) c = kIdCharacters[random.Between(0, std::size(kIdCharacters) - 2)];
    const auto name = ImageFileName(id, Png(0, random.Bits()));
    ASSERT_TRUE(name.ok()) << id;
    EXPECT_EQ(fs::path(*name).filename(), *name);
    EXPECT_EQ(fs::path(PathIn(folder_, *name)).parent_path(), folder_);
  }
}

TEST_F(OutputFilesTest, IdsThatCouldLeadElsewhereAreRefused) {
  for (const std::string& id :
       std::vector<std::string>{"", "/", "../x", "a/b", "/etc/passwd", "a\\b", "a b", "caf\xc3\xa9",
                                "a\n", std::string("a\0b", 3), std::string(65, 'a')}) {
    EXPECT_EQ(ImageFileName(id, Png(0, 1)).status().code(), absl::StatusCode::kInternal) << id;
  }
}

TEST_F(OutputFilesTest, DrawnIdsPassOnlyWithPromisedCharacters) {
  SeededRandom random;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = random.Bytes(random.Between(1, 3));
    const bool promised = std::all_of(id.begin(), id.end(), [](unsigned char c) {
      return c < 128 && (std::isalnum(c) || c == '.' || c == '_' || c == '-');
    });
    EXPECT_EQ(ImageFileName(id, Png(0, 1)).ok(), promised) << ::testing::PrintToString(id);
  }
}

TEST_F(OutputFilesTest, ImagesWithoutFormatOrDataAreRefused) {
  v1::Image no_format = Png(0, 1);
  no_format.clear_format();
  EXPECT_FALSE(ImageFileName("r", no_format).ok());
  v1::Image no_data = Png(0, 1);
  no_data.clear_data();
  EXPECT_FALSE(ImageFileName("r", no_data).ok());
}

TEST_F(OutputFilesTest, PathsInTheCurrentFolderAreBareNames) {
  EXPECT_EQ(PathIn(".", "r-0-1.png"), "r-0-1.png");
  EXPECT_EQ(PathIn("out/", "r-0-1.png"), "out/r-0-1.png");
}

TEST_F(OutputFilesTest, WritesAllBytesAndReplacesOldOnes) {
  SeededRandom random;
  const std::string path = PathOf("image.png");
  for (const size_t size : {random.Between(0, 10), random.Between(1 << 20, 2 << 20), size_t{1}}) {
    const std::string bytes = random.Bytes(size);
    ASSERT_TRUE(WriteFile(path, bytes).ok());
    EXPECT_EQ(Read(path), bytes);
    EXPECT_THAT(Names(), ElementsAre("image.png"));
  }
}

TEST_F(OutputFilesTest, FilesGetTheUsualPermissions) {
  const mode_t mask = umask(0);
  umask(mask);
  const std::string path = PathOf("image.png");
  ASSERT_TRUE(WriteFile(path, "x").ok());
  EXPECT_EQ(static_cast<mode_t>(fs::status(path).permissions()), 0666 & ~mask);
}

TEST_F(OutputFilesTest, AFailedWriteLeavesNothingBehind) {
  fs::create_directories(folder_ / "taken" / "inside");
  const absl::Status status = WriteFile(PathOf("taken"), "x");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(PathOf("taken")));
  EXPECT_FALSE(WriteFile(PathOf("missing/image.png"), "x").ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("taken"));
}

TEST_F(OutputFilesTest, MakesFoldersThatAreMissing) {
  EXPECT_TRUE(MakeFolder(PathOf("a/b/c")).ok());
  EXPECT_TRUE(MakeFolder(PathOf("a/b/c")).ok());
  EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
  ASSERT_TRUE(WriteFile(PathOf("file"), "x").ok());
  EXPECT_FALSE(MakeFolder(PathOf("file/below")).ok());
}

}  // namespace
}  // namespace darkroom
