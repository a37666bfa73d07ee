// One Step is one pass through the UNet, however many rows take part: counted by torch's own
// observer, which sees every convolution that runs.

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "model/checkpoint/weight_files.h"
#include "model/sdxl_pipeline.h"

namespace darkroom {
namespace {

constexpr char kModel[] = "models/emoji";

std::atomic<int> g_convolutions = 0;

std::unique_ptr<at::ObserverContext> Count(const at::RecordFunction& function) {
  if (std::strcmp(function.name(), "aten::convolution") == 0) ++g_convolutions;
  return nullptr;
}

// Convolutions in one pass: the tensors of four dimensions in the file.
int ConvolutionsOfUNet() {
  const auto files = OpenWeightFiles(std::string(kModel) + "/unet", "diffusion_pytorch_model");
  int convolutions = 0;
  for (const auto& [name, tensor] : files->front().tensors()) {
    convolutions += tensor.shape.size() == 4;
  }
  return convolutions;
}

ImageRequest MakeRequest(int i) {
  ImageRequest request{.prompt = "a red apple",
                       .size = {64, 64},
                       .steps = 3 + i,
                       .guidance_scale = i % 3 == 0 ? 1.0 : 3.0 + i,
                       .seed = static_cast<uint64_t>(i)};
  request.conditioning = {.original_size = request.size, .target_size = request.size};
  request.negative_conditioning = request.conditioning;
  return request;
}

class UNetCallsTest : public testing::TestWithParam<int> {};

TEST_P(UNetCallsTest, OneStepIsOneUNetPass) {
  auto generator = LoadSdxlPipeline(kModel, {.threads = 2});
  ASSERT_TRUE(generator.ok()) << generator.status();
  std::vector<ImageRequest> requests;
  for (int i = 0; i < GetParam(); ++i) requests.push_back(MakeRequest(i));
  std::vector<const ImageRequest*> pointers;
  for (const ImageRequest& request : requests) pointers.push_back(&request);
  auto started = (*generator)->Start(pointers);
  ASSERT_TRUE(started.ok()) << started.status();
  std::vector<ImageInProgress*> rows;
  for (const auto& row : *started) rows.push_back(row.get());

  const at::CallbackHandle handle =
      at::addGlobalCallback(at::RecordFunctionCallback(Count).scopes({at::RecordScope::FUNCTION}));
  g_convolutions = 0;
  const absl::Status status = (*generator)->Step(rows);
  at::removeCallback(handle);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(g_convolutions, ConvolutionsOfUNet());
}

INSTANTIATE_TEST_SUITE_P(Rows, UNetCallsTest, testing::Values(1, 2, 5, 8));

}  // namespace
}  // namespace darkroom
