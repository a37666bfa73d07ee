#include "server/inference/infer_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/inference/raw_tensor.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::Optional;

constexpr int kDraws = 500;

inference::ModelInferRequest Request() {
  inference::ModelInferRequest request;
  request.set_model_name("emoji");
  request.set_id("an id, any");
  return request;
}

TEST(InferResponseTest, RepeatsTheIdAndNamesModelAndVersion) {
  inference::ModelInferResponse response;
  FillInferResponse(Request(), {}, {}, response);
  EXPECT_EQ(response.id(), "an id, any");
  EXPECT_EQ(response.model_name(), "emoji");
  EXPECT_EQ(response.model_version(), "1");
}

TEST(InferResponseTest, HasEveryImageAndSeedInOrder) {
  SeededRandom random;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<std::string> files(random.Between(1, 5));
    std::vector<uint64_t> seeds;
    std::vector<InferredImage> images;
    for (std::string& file : files) {
      file = random.Bytes(random.Between(0, 300));
      seeds.push_back(random.Bits());
      images.push_back({.file = file, .seed = seeds.back()});
    }
    inference::ModelInferResponse response;
    const InferOutput outputs[] = {InferOutput::kImage, InferOutput::kSeed};
    FillInferResponse(Request(), outputs, images, response);
    ASSERT_EQ(response.outputs_size(), 2);
    ASSERT_EQ(response.raw_output_contents_size(), 2);
    for (const auto& output : response.outputs()) {
      EXPECT_THAT(output.shape(), ElementsAre(static_cast<int64_t>(files.size()), 1));
      EXPECT_FALSE(output.has_contents());
    }
    EXPECT_EQ(response.outputs(0).name(), "IMAGE");
    EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
    EXPECT_THAT(UnpackBytes(response.raw_output_contents(0), files.size()),
                Optional(testing::ElementsAreArray(files)));
    EXPECT_EQ(response.outputs(1).name(), "SEED");
    EXPECT_EQ(response.outputs(1).datatype(), "UINT64");
    EXPECT_THAT(UnpackNumbers<uint64_t>(response.raw_output_contents(1), files.size()),
                Optional(seeds));
  }
}

TEST(InferResponseTest, LeavesOutWhatWasNotRequested) {
  inference::ModelInferResponse response;
  const InferOutput outputs[] = {InferOutput::kSeed};
  FillInferResponse(Request(), outputs, std::vector<InferredImage>{{"file", 7}}, response);
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "SEED");
  EXPECT_THAT(response.raw_output_contents(), ElementsAre(std::string("\7\0\0\0\0\0\0\0", 8)));
}

}  // namespace
}  // namespace darkroom
