// The hash of the embedded model and of copies of it. The oracle is coreutils' sha256sum.

#include "model/checkpoint/checkpoint_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "model/sdxl_pipeline.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kModel[] = "models/emoji";

std::string OutputOf(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string output;
  for (int c = 0; (c = std::fgetc(pipe.get())) != EOF;) output.push_back(static_cast<char>(c));
  return output;
}

// Not the card, nor what stands beside the embedded model: how it was trained and is evaluated.
bool IsOfTheCheckpoint(const fs::path& name) {
  return name != "README.md" && name != "evaluate" && *name.begin() != "training";
}

class CheckpointHashTest : public testing::Test {
 protected:
  CheckpointHashTest() { fs::copy(kModel, copy_.path(), fs::copy_options::recursive); }

  std::string HashOfCopy() const { return HashCheckpoint(copy_.path()).value(); }

  // Changes one bit at a drawn place of the copy's file.
  void FlipBit(const fs::path& name) {
    std::ifstream file(copy_.path() / name, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    content.at(random_.Between(0, content.size() - 1)) ^=
        static_cast<char>(1 << random_.Between(0, 7));
    copy_.Write(name.string(), content);
  }

  SeededRandom random_;
  TemporaryFolder copy_;
};

TEST_F(CheckpointHashTest, IsWhatSha256sumMakesOfTheFiles) {
  const std::string expected = OutputOf(
      std::string("cd ") + kModel +
      " && find . -type f ! -name README.md ! -name evaluate ! -path './training/*' -printf '%P\\n'"
      " | LC_ALL=C sort | xargs sha256sum | sha256sum");
  EXPECT_EQ(HashCheckpoint(kModel).value() + "  -\n", expected);
}

TEST_F(CheckpointHashTest, IsTheModelsWhereverItLies) {
  const auto generator = LoadSdxlPipeline(kModel, {.threads = 2});
  ASSERT_OK(generator);
  EXPECT_EQ((*generator)->info().hash, HashOfCopy());
}

TEST_F(CheckpointHashTest, ChangesWithEveryBitOfEveryFileThatIsRead) {
  const std::string original = HashOfCopy();
  for (const auto& entry : fs::recursive_directory_iterator(kModel)) {
    const fs::path name = fs::relative(entry.path(), kModel);
    if (!entry.is_regular_file() || !IsOfTheCheckpoint(name)) continue;
    FlipBit(name);
    EXPECT_NE(HashOfCopy(), original) << name;
    fs::copy_file(entry.path(), copy_.path() / name, fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(HashOfCopy(), original);
}

TEST_F(CheckpointHashTest, IgnoresFilesThatAreNotRead) {
  const std::string original = HashOfCopy();
  copy_.Write("README.md", "another");
  copy_.Write("vae/diffusion_pytorch_model.fp32.safetensors", "not read");
  fs::create_directory(copy_.path() / "safety_checker");
  copy_.Write("safety_checker/config.json", "{}");
  EXPECT_EQ(HashOfCopy(), original);
}

TEST_F(CheckpointHashTest, KnowsATokenizerWithoutSpecialTokensMap) {
  const std::string original = HashOfCopy();
  fs::remove(copy_.path() / "tokenizer/special_tokens_map.json");
  EXPECT_NE(HashOfCopy(), original);
}

TEST_F(CheckpointHashTest, NamesAFileThatIsMissing) {
  for (const std::string name :
       {"model_index.json", "tokenizer_2/merges.txt", "unet/config.json"}) {
    fs::remove(copy_.path() / name);
    EXPECT_THAT(HashCheckpoint(copy_.path()),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(name)));
    fs::copy_file(fs::path(kModel) / name, copy_.path() / name);
  }
}

}  // namespace
}  // namespace darkroom
