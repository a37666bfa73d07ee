#include "batcher/batch_options.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(BatchOptionsTest, DefaultsAreValid) { EXPECT_TRUE(Validate(BatchOptions()).ok()); }

TEST(BatchOptionsTest, AZeroWindowIsValid) {
  EXPECT_TRUE(Validate({.window = absl::ZeroDuration()}).ok());
}

TEST(BatchOptionsTest, EveryFieldOutOfRangeIsRefused) {
  EXPECT_FALSE(Validate({.window = -absl::Nanoseconds(1)}).ok());
  EXPECT_FALSE(Validate({.window = absl::InfiniteDuration()}).ok());
  EXPECT_FALSE(Validate({.max_batch_size = 0}).ok());
  EXPECT_FALSE(Validate({.max_queued_images = 0}).ok());
  EXPECT_FALSE(Validate({.max_queued_pixels = 0}).ok());
}

}  // namespace
}  // namespace darkroom
