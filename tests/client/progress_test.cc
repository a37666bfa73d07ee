#include "client/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace darkroom {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressTest, WithoutATerminalEveryImageIsALine) {
  std::ostringstream out;
  {
    Progress progress(out, /*terminal=*/false, 3);
    progress.ImageDone("a.png");
    progress.Note("prompt 2: no");
    progress.ImagesFailed(1);
    progress.ImageDone("c.png");
  }
  EXPECT_EQ(out.str(), "1 of 3 images done: a.png\nprompt 2: no\n2 of 3 images done: c.png\n");
}

TEST(ProgressTest, ATerminalShowsOneBarThatGrows) {
  std::ostringstream out;
  {
    Progress progress(out, /*terminal=*/true, 2);
    EXPECT_THAT(out.str(), HasSubstr("[..............................] 0 of 2 images done"));
    progress.ImageDone("a.png");
    EXPECT_THAT(out.str(), EndsWith("[###############...............] 1 of 2 images done"));
    progress.ImagesFailed(1);
    EXPECT_THAT(out.str(),
                EndsWith("[##############################] 1 of 2 images done, 1 failed"));
    EXPECT_THAT(out.str(), Not(HasSubstr("\n")));
    progress.Note("prompt 2: no");
    EXPECT_THAT(out.str(), HasSubstr("\r\x1b[Kprompt 2: no\n"));
  }
  EXPECT_THAT(out.str(), EndsWith("failed\n"));
}

}  // namespace
}  // namespace darkroom
