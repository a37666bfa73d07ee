#include "batcher/batch_options.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(BatchOptionsTest, TheDefaultsAreValid) { EXPECT_TRUE(Validate(BatchOptions()).ok()); }

TEST(BatchOptionsTest, PaddedSizesAscendToTheLargestBatch) {
  EXPECT_TRUE(Validate({.max_batch_size = 8, .padded_sizes = {1, 2, 4, 8}}).ok());
  EXPECT_TRUE(Validate({.max_batch_size = 8, .padded_sizes = {8}}).ok());
}

TEST(BatchOptionsTest, EveryFieldOutOfItsRangeIsRefused) {
  const BatchOptions wrong[] = {{.window = absl::Nanoseconds(-1)},
                                {.window = absl::InfiniteDuration()},
                                {.max_batch_size = 0},
                                {.max_batch_size = 8, .padded_sizes = {1, 4}},
                                {.max_batch_size = 8, .padded_sizes = {0, 8}},
                                {.max_batch_size = 8, .padded_sizes = {4, 4, 8}},
                                {.max_batch_size = 8, .padded_sizes = {4, 2, 8}},
                                {.limits = {.images = 0}},
                                {.limits = {.images_per_tenant = 0}},
                                {.limits = {.pixels = 0}},
                                {.limits = {.pixel_steps = 0}}};
  for (const BatchOptions& options : wrong) {
    EXPECT_TRUE(absl::IsInvalidArgument(Validate(options)))
        << "case " << &options - std::begin(wrong);
  }
}

}  // namespace
}  // namespace darkroom
