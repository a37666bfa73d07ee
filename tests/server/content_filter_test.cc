#include "server/content_filter.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/image_service.h"
#include "tests/support/call_fixture.h"

namespace darkroom {
namespace {

// Judges by words of the prompt, and images also by their seeds: odd ones are kept back.
class WordFilter final : public ContentFilter {
 public:
  absl::Status CheckPrompt(const ImageRequest& request) const override {
    if (request.prompt == "throw") throw std::runtime_error("a secret");
    if (request.prompt == "throw a number") throw 42;
    if (request.prompt == "refuse") return absl::InternalError("not in this house");
    return absl::OkStatus();
  }

  bool AllowsImage(const ImageRequest& request, const RgbImage& image) const override {
    if (request.prompt == "throw later") throw std::runtime_error("a secret");
    if (request.prompt == "throw a number later") throw 42;
    const std::string spelling(image.pixels.begin(), image.pixels.end());
    EXPECT_EQ(spelling, FakeImageGenerator::Spelling(request));
    return request.seed % 2 == 0;
  }
};

class ContentFilterTest : public testing::Test {
 protected:
  ContentFilterTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ImageGenerationService::NewStub(server_->InProcessChannel({}));
  }

  ~ContentFilterTest() override {
    fixture_.devices.Drain(absl::InfiniteDuration());
    fixture_.codecs.AwaitIdle();
    server_->Shutdown();
  }

  static v1::GenerateImagesRequest MakeRequest(const std::string& prompt) {
    v1::GenerateImagesRequest request;
    request.set_prompt(prompt);
    request.set_num_inference_steps(2);
    for (const uint64_t seed : {10, 11, 12}) request.add_seeds(seed);
    request.mutable_output()->set_format(v1::IMAGE_FORMAT_RAW_RGB);
    return request;
  }

  grpc::Status Generate(const std::string& prompt) {
    grpc::ClientContext context;
    response_.Clear();
    return stub_->GenerateImages(&context, MakeRequest(prompt), &response_);
  }

  static std::string ReasonIn(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    for (const auto& detail : details.details()) detail.UnpackTo(&info);
    return info.reason();
  }

  static void ExpectFiltered(const v1::Image& image) {
    EXPECT_EQ(image.finish_reason(), v1::FINISH_REASON_FILTERED);
    EXPECT_EQ(image.data(), "");
    EXPECT_EQ(image.seed(), 10 + image.index());
    EXPECT_EQ(image.width(), 8);
    EXPECT_EQ(image.height(), 8);
    EXPECT_EQ(image.format(), v1::IMAGE_FORMAT_RAW_RGB);
  }

  const WordFilter filter_;
  CallFixture fixture_{&filter_};
  ImageService service_{fixture_.context, {}};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ImageGenerationService::Stub> stub_;
  v1::GenerateImagesResponse response_;
};

TEST_F(ContentFilterTest, ARefusedPromptIsPermissionDeniedInTheFiltersWordsAndMakesNothing) {
  const grpc::Status status = Generate("refuse");
  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(), "not in this house");
  EXPECT_EQ(ReasonIn(status), "PROMPT_REFUSED");
  EXPECT_EQ(fixture_.generator.started(), 0);
}

TEST_F(ContentFilterTest, AFilterThatThrowsOverAPromptRefusesItAndKeepsItsWordsToItself) {
  for (const char* prompt : {"throw", "throw a number"}) {
    const grpc::Status status = Generate(prompt);
    EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED) << prompt;
    EXPECT_EQ(ReasonIn(status), "PROMPT_REFUSED") << prompt;
    EXPECT_THAT(status.error_message(), testing::Not(testing::HasSubstr("secret")));
  }
  EXPECT_EQ(fixture_.generator.started(), 0);
}

TEST_F(ContentFilterTest, AnImageThatIsKeptBackComesWithoutDataAmongTheOthers) {
  const grpc::Status status = Generate("an apple");
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response_.images_size(), 3);
  EXPECT_EQ(response_.images(0).data(), "10 2 an apple");
  EXPECT_EQ(response_.images(0).finish_reason(), v1::FINISH_REASON_DONE);
  ExpectFiltered(response_.images(1));
  EXPECT_EQ(response_.images(2).data(), "12 2 an apple");
}

TEST_F(ContentFilterTest, AFilterThatThrowsOverAnImageKeepsItBack) {
  for (const char* prompt : {"throw later", "throw a number later"}) {
    const grpc::Status status = Generate(prompt);
    ASSERT_TRUE(status.ok()) << prompt << ": " << status.error_message();
    ASSERT_EQ(response_.images_size(), 3);
    for (const v1::Image& image : response_.images()) ExpectFiltered(image);
  }
}

TEST_F(ContentFilterTest, AStreamIsFilteredToo) {
  grpc::ClientContext context;
  v1::StreamImagesRequest request;
  *request.mutable_generation() = MakeRequest("an apple");
  const auto reader = stub_->StreamImages(&context, request);
  int images = 0;
  for (v1::StreamImagesResponse response; reader->Read(&response);) {
    if (!response.has_image()) continue;
    ++images;
    if (response.image().index() == 1) ExpectFiltered(response.image());
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(images, 3);
}

TEST_F(ContentFilterTest, AStreamOfARefusedPromptIsPermissionDenied) {
  grpc::ClientContext context;
  v1::StreamImagesRequest request;
  *request.mutable_generation() = MakeRequest("refuse");
  const auto reader = stub_->StreamImages(&context, request);
  v1::StreamImagesResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(ReasonIn(status), "PROMPT_REFUSED");
}

}  // namespace
}  // namespace darkroom
