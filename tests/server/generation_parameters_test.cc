#include "server/generation_parameters.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "server/request_parser.h"
#include "tests/server/request_drawing.h"

namespace darkroom {
namespace {

const ModelInfo kModel = {
    .id = "emoji", .device = "cpu", .dtype = "float32", .default_size = {64, 128}};

// The one text under the key.
std::string Text(const std::vector<ImageText>& texts, const std::string& key) {
  std::string found;
  for (const ImageText& text : texts) {
    if (text.key == key) found += text.text;
  }
  return found;
}

// The last line as the web UI reads it, with the regular expression of its infotext_utils.py.
std::map<std::string, std::string> ReadAsWebUi(const std::string& parameters) {
  static const std::regex kPair(R"re(\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$))re");
  const std::string line = parameters.substr(parameters.rfind('\n') + 1);
  std::map<std::string, std::string> pairs;
  for (std::sregex_iterator it(line.begin(), line.end(), kPair), end; it != end; ++it) {
    pairs[(*it)[1]] = (*it)[2];
  }
  return pairs;
}

const ImageRequest kImage = {.prompt = "a red apple,\non blue",
                             .negative_prompt = "rain",
                             .size = {64, 128},
                             .steps = 20,
                             .guidance_scale = 7.5,
                             .seed = 18446744073709551615u};

TEST(GenerationParametersTest, TheTextHasTheLayoutOfTheWebUi) {
  EXPECT_EQ(Text(DescribeImage({}, kImage, kModel), "parameters"),
            "a red apple,\non blue\nNegative prompt: rain\n"
            "Steps: 20, Sampler: Euler, CFG scale: 7.5, Seed: 18446744073709551615, "
            "Size: 128x64, Model: emoji, RNG: CPU, Version: Darkroom " DARKROOM_VERSION);
}

TEST(GenerationParametersTest, TheTextTellsOfAnInitImageAndOfTheGenerator) {
  ImageRequest image = kImage;
  image.init_image = std::make_shared<RgbImage>();
  image.strength = 0.25;
  image.generator_device = GeneratorDevice::kCuda;
  const auto pairs = ReadAsWebUi(Text(DescribeImage({}, image, kModel), "parameters"));
  EXPECT_EQ(pairs.at("Denoising strength"), "0.25");
  EXPECT_EQ(pairs.at("RNG"), "GPU");
}

TEST(GenerationParametersTest, ANegativePromptThatIsAbsentHasNoLine) {
  const ImageRequest image = {.prompt = "p", .size = {8, 8}, .steps = 1, .guidance_scale = 5};
  EXPECT_EQ(Text(DescribeImage({}, image, kModel), "parameters").find("p\nSteps: 1, "), 0u);
}

TEST(GenerationParametersTest, TheWebUiReadsItsParameters) {
  const auto pairs = ReadAsWebUi(Text(DescribeImage({}, kImage, kModel), "parameters"));
  const std::map<std::string, std::string> expected = {
      {"Steps", "20"},      {"Sampler", "Euler"},
      {"CFG scale", "7.5"}, {"Seed", "18446744073709551615"},
      {"Size", "128x64"},   {"Model", "emoji"},
      {"RNG", "CPU"},       {"Version", "Darkroom " DARKROOM_VERSION}};
  EXPECT_EQ(pairs, expected);
}

TEST(GenerationParametersTest, TheJsonSaysModelDeviceDtypeAndVersion) {
  const auto json = nlohmann::json::parse(Text(DescribeImage({}, kImage, kModel), "darkroom"));
  EXPECT_EQ(json["model"], "emoji");
  EXPECT_EQ(json["generator_device"], "cpu");
  EXPECT_EQ(json["dtype"], "float32");
  EXPECT_EQ(json["server_version"], DARKROOM_VERSION);
  for (const char* field : {"width", "height", "num_inference_steps", "guidance_scale", "seed"}) {
    EXPECT_TRUE(json["request"].contains(field)) << field;
  }
}

// Parses the request, and for each of its images again what its file says.
void ExpectFilesMakeTheirImagesAgain(const v1::GenerateImagesRequest& request, int& images) {
  const RequestRules rules;
  const auto parsed = ParseRequest(request, kModel, rules);
  if (!parsed.ok()) return;
  for (const ImageRequest& image : parsed->images) {
    const std::string text = Text(DescribeImage(request, image, kModel), "darkroom");
    const std::string json = nlohmann::json::parse(text)["request"].dump();
    v1::GenerateImagesRequest read;
    const auto status = google::protobuf::util::JsonStringToMessage(json, &read);
    ASSERT_TRUE(status.ok()) << status.ToString() << json;
    EXPECT_EQ(read.request_id(), "");
    EXPECT_EQ(read.init_image().data(), "");
    if (request.has_init_image()) {
      read.mutable_init_image()->set_data(request.init_image().data());
    }
    const auto again = ParseRequest(read, kModel, rules);
    ASSERT_TRUE(again.ok()) << again.status() << json;
    ASSERT_EQ(again->images.size(), 1u) << json;
    ASSERT_EQ(Spelled(again->images[0]), Spelled(image)) << json;
    ++images;
  }
}

TEST(GenerationParametersTest, TheRequestOfAnyFileMakesItsImageAgain) {
  SeededRandom random;
  int images = 0;
  for (int round = 0; round < 10'000; ++round) {
    v1::GenerateImagesRequest request;
    DrawFields(random, request);
    request.set_prompt(DrawText(random));
    ExpectFilesMakeTheirImagesAgain(request, images);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(images, 100);
}

TEST(GenerationParametersTest, EachOfSeveralImagesHasItsOwnSeed) {
  v1::GenerateImagesRequest request;
  request.set_num_images(3);
  request.set_seed(18446744073709551614u);
  int images = 0;
  ExpectFilesMakeTheirImagesAgain(request, images);
  EXPECT_EQ(images, 3);
}

}  // namespace
}  // namespace darkroom
