#include "server/inference/model_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/status_details.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr int kMaxBatchSize = 6;
const ModelInfo kModel = {.id = "emoji", .device = "cpu", .dtype = "float32"};

// The names of the protocol's datatypes.
std::string DatatypeOf(inference::DataType type) {
  if (type == inference::TYPE_STRING) return "BYTES";
  return inference::DataType_Name(type).substr(std::string("TYPE_").size());
}

TEST(ModelDescriptionTest, ServerNamesItsExtensions) {
  const inference::ServerMetadataResponse server = DescribeServer();
  EXPECT_EQ(server.name(), "darkroom");
  EXPECT_EQ(server.version(), DARKROOM_VERSION);
  EXPECT_THAT(server.extensions(),
              UnorderedElementsAre("model_configuration", "schedule_policy", "statistics"));
}

TEST(ModelDescriptionTest, MetadataHasTheModelsTensors) {
  const inference::ModelMetadataResponse metadata = DescribeModel(kModel);
  EXPECT_EQ(metadata.name(), "emoji");
  EXPECT_THAT(metadata.versions(), ElementsAre("1"));
  std::vector<std::string> names;
  for (const auto& input : metadata.inputs()) names.push_back(input.name());
  EXPECT_THAT(names,
              UnorderedElementsAre("PROMPT", "NEGATIVE_PROMPT", "SEED", "STEPS", "GUIDANCE"));
  names.clear();
  for (const auto& output : metadata.outputs()) names.push_back(output.name());
  EXPECT_THAT(names, UnorderedElementsAre("IMAGE", "SEED"));
}

// Clients read both, and take the batch's dimension from the metadata's shapes.
TEST(ModelDescriptionTest, MetadataAndConfigurationAgree) {
  const inference::ModelMetadataResponse metadata = DescribeModel(kModel);
  const inference::ModelConfig config = DescribeModelConfig(kModel, kMaxBatchSize).config();
  EXPECT_EQ(config.name(), metadata.name());
  EXPECT_EQ(config.platform(), metadata.platform());
  EXPECT_EQ(config.max_batch_size(), kMaxBatchSize);
  const auto expect_same = [](const auto& tensor, const auto& configured) {
    EXPECT_EQ(tensor.name(), configured.name());
    EXPECT_EQ(tensor.datatype(), DatatypeOf(configured.data_type()));
    EXPECT_THAT(configured.dims(), ElementsAre(1));
    EXPECT_THAT(tensor.shape(), ElementsAre(-1, 1));
  };
  ASSERT_EQ(metadata.inputs_size(), config.input_size());
  for (int i = 0; i < config.input_size(); ++i) {
    expect_same(metadata.inputs(i), config.input(i));
    EXPECT_EQ(config.input(i).optional(), config.input(i).name() != "PROMPT");
  }
  ASSERT_EQ(metadata.outputs_size(), config.output_size());
  for (int i = 0; i < config.output_size(); ++i) expect_same(metadata.outputs(i), config.output(i));
}

TEST(ModelDescriptionTest, ConfigurationNamesTheKindOfDevice) {
  ModelInfo model = kModel;
  for (const auto& [device, kind] :
       {std::pair("cpu", inference::ModelInstanceGroup::KIND_CPU),
        std::pair("cuda", inference::ModelInstanceGroup::KIND_GPU),
        std::pair("cuda:1", inference::ModelInstanceGroup::KIND_GPU)}) {
    model.device = device;
    const inference::ModelConfig config = DescribeModelConfig(model, kMaxBatchSize).config();
    ASSERT_EQ(config.instance_group_size(), 1);
    EXPECT_EQ(config.instance_group(0).kind(), kind) << device;
  }
}

TEST(ModelDescriptionTest, OnlyOurModelAndVersionAreFound) {
  EXPECT_OK(CheckModelVersion("emoji", "", kModel));
  EXPECT_OK(CheckModelVersion("emoji", "1", kModel));
  for (const auto& [name, version] :
       {std::pair("", ""), std::pair("apple", "1"), std::pair("emoji", "2")}) {
    const absl::Status status = CheckModelVersion(name, version, kModel);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(ReasonOf(status), "MODEL_NOT_FOUND");
  }
  const std::string long_name(100'000, 'x');
  EXPECT_LT(CheckModelVersion(long_name, "", kModel).message().size(), 200);
  EXPECT_LT(CheckModelVersion("emoji", long_name, kModel).message().size(), 200);
}

}  // namespace
}  // namespace darkroom
