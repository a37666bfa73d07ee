#include "server/stream_images_call.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/image_service.h"
#include "tests/support/call_fixture.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using Response = v1::StreamImagesResponse;

class StreamImagesCallTest : public testing::Test {
 protected:
  StreamImagesCallTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ImageGenerationService::NewStub(server_->InProcessChannel({}));
  }

  // Returns when nobody is at work any more.
  void Finish() {
    fixture_.calls.AwaitNone(absl::InfiniteFuture(), SteadyClock());
    fixture_.devices.Drain(absl::InfiniteDuration());
    fixture_.codecs.AwaitIdle();
    server_->Shutdown();
  }

  CallFixture fixture_;
  ImageService service_{fixture_.context, {}};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ImageGenerationService::Stub> stub_;
};

// Asks for streams, of its own or of everybody's, and reads them to a drawn place.
class Reader {
 public:
  Reader(v1::ImageGenerationService::Stub& stub, uint64_t seed) : stub_(stub), random_(seed) {}

  void Run() {
    for (int i = 0; i < 150; ++i) ReadOne();
  }

 private:
  size_t Draw(size_t sides) { return random_() % sides; }

  v1::StreamImagesRequest DrawRequest() {
    v1::StreamImagesRequest request;
    request.set_preview_interval_steps(static_cast<uint32_t>(Draw(3)));
    v1::GenerateImagesRequest& generation = *request.mutable_generation();
    if (Draw(2) == 0) generation.set_request_id(absl::StrCat("id-", Draw(3)));
    generation.set_prompt("an apple");
    generation.set_seed(7);
    generation.set_num_images(2);
    generation.set_num_inference_steps(20);
    generation.mutable_output()->set_format(v1::IMAGE_FORMAT_RAW_RGB);
    return request;
  }

  void ReadOne() {
    grpc::ClientContext context;
    const auto reader = stub_.StreamImages(&context, DrawRequest());
    const size_t patience = Draw(2) == 0 ? Draw(8) : SIZE_MAX;
    std::vector<Response> heard;
    for (Response response; heard.size() < patience && reader->Read(&response);) {
      heard.push_back(response);
    }
    if (patience != SIZE_MAX) context.TryCancel();
    const grpc::Status status = reader->Finish();
    ASSERT_TRUE(heard.empty() || heard.front().has_queued());
    if (patience == SIZE_MAX) ExpectWhole(status, heard);
  }

  static void ExpectWhole(const grpc::Status& status, const std::vector<Response>& heard) {
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_TRUE(heard.back().has_completed());
    std::vector<std::string> images;
    for (const Response& response : heard) {
      if (response.has_image()) images.push_back(response.image().data());
    }
    ASSERT_THAT(images, testing::UnorderedElementsAre("7 20 an apple", "8 20 an apple"));
  }

  v1::ImageGenerationService::Stub& stub_;
  std::mt19937_64 random_;
};

TEST_F(StreamImagesCallTest, WhoReadsToTheEndGetsAllHoweverManyCancel) {
  SeededRandom seeds;
  std::vector<Reader> readers;
  for (int i = 0; i < 4; ++i) readers.emplace_back(*stub_, seeds.Bits());
  std::vector<std::thread> threads;
  for (Reader& reader : readers) threads.emplace_back(&Reader::Run, &reader);
  for (std::thread& thread : threads) thread.join();
  Finish();
}

TEST_F(StreamImagesCallTest, AnAbortEndsAStreamAndKeepsNothing) {
  fixture_.generator.Hold();
  grpc::ClientContext context;
  v1::StreamImagesRequest request;
  request.mutable_generation()->set_prompt("an apple");
  const auto reader = stub_->StreamImages(&context, request);
  Response response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_TRUE(response.has_queued());
  fixture_.calls.AbortAll(absl::UnavailableError("down"));
  while (reader->Read(&response)) {
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "down");
  fixture_.generator.Release();
  Finish();
}

}  // namespace
}  // namespace darkroom
