#include "client/cpp/image_client.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/channel.h"

namespace darkroom {
namespace {

// Answers with one image that holds the prompt and the seed. The prompt "wait" is never answered.
class EchoService final : public v1::ImageGenerationService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GenerateImages(grpc::CallbackServerContext*,
                                           const v1::GenerateImagesRequest* request,
                                           v1::GenerateImagesResponse* response) override {
    if (request->prompt() == "wait") return new UntilCancelled;
    v1::Image& image = *response->add_images();
    image.set_seed(request->seed());
    image.set_data(request->prompt() == "large" ? std::string(6 << 20, 'x') : request->prompt());
    auto* reactor = new AtOnce;
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest*,
                                     v1::GetModelResponse* response) override {
    response->set_id("echo");
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  struct AtOnce : grpc::ServerUnaryReactor {
    void OnDone() override { delete this; }
  };
  struct UntilCancelled : AtOnce {
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  };
};

class ImageClientTest : public ::testing::Test {
 protected:
  ImageClientTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~ImageClientTest() override { server_->Shutdown(); }

  static v1::GenerateImagesRequest Request(const std::string& prompt, uint64_t seed = 0) {
    v1::GenerateImagesRequest request;
    request.set_prompt(prompt);
    request.set_seed(seed);
    return request;
  }

  EchoService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(ImageClientTest, TheBlockingCallReturnsTheReply) {
  ImageClient client(address_);
  const ImageClient::Reply reply = client.GenerateImages(Request("a cat", 7));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->images(0).data(), "a cat");
  EXPECT_EQ(reply->images(0).seed(), 7u);
}

TEST_F(ImageClientTest, TheModelIsDescribed) {
  const absl::StatusOr<v1::GetModelResponse> model = ImageClient(address_).GetModel();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->id(), "echo");
}

TEST_F(ImageClientTest, RepliesMayPassTheDefaultReceiveLimit) {
  ImageClient client(address_);
  const ImageClient::Reply reply = client.GenerateImages(Request("large"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->images(0).data().size(), size_t{6} << 20);
}

TEST_F(ImageClientTest, EachOfManyCallsGetsItsOwnReplyOnce) {
  constexpr int kCalls = 200;
  ImageClient client(address_);
  absl::BlockingCounter pending(kCalls);
  absl::Mutex mu;
  std::multiset<uint64_t> seen;
  for (int i = 0; i < kCalls; ++i) {
    client.GenerateImages(Request(absl::StrCat("prompt ", i), i), [&, i](ImageClient::Reply reply) {
      {
        absl::MutexLock lock(&mu);
        EXPECT_TRUE(reply.ok()) << reply.status();
        if (reply.ok()) {
          EXPECT_EQ(reply->images(0).data(), absl::StrCat("prompt ", i));
          seen.insert(reply->images(0).seed());
        }
      }
      pending.DecrementCount();
    });
  }
  pending.Wait();
  std::multiset<uint64_t> expected;
  for (int i = 0; i < kCalls; ++i) expected.insert(i);
  EXPECT_EQ(seen, expected);
}

TEST_F(ImageClientTest, CancelAllEndsWhatIsInFlightAndNothingLater) {
  ImageClient client(address_);
  absl::BlockingCounter pending(8);
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 8; ++i) {
    client.GenerateImages(Request("wait"), [&](ImageClient::Reply reply) {
      if (absl::IsCancelled(reply.status())) ++cancelled;
      pending.DecrementCount();
    });
  }
  client.CancelAll();
  pending.Wait();
  EXPECT_EQ(cancelled, 8);
  EXPECT_TRUE(client.GenerateImages(Request("a cat")).ok());
}

TEST_F(ImageClientTest, TheDestructorCancelsAndWaits) {
  int ended = 0;  // Unguarded: what the destructor waits for has happened before it returns.
  {
    ImageClient client(address_);
    client.GenerateImages(Request("wait"), [&](ImageClient::Reply reply) {
      EXPECT_TRUE(absl::IsCancelled(reply.status())) << reply.status();
      ++ended;
    });
  }
  EXPECT_EQ(ended, 1);
}

TEST_F(ImageClientTest, ADeadlineEndsACall) {
  ImageClient client(address_);
  const ImageClient::Reply late =
      client.GenerateImages(Request("wait"), absl::Now() + absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_TRUE(client.GenerateImages(Request("a cat"), absl::Now() + absl::Minutes(1)).ok());
}

// The last channel of a program takes gRPC's threads along, so it must not go on one of them.
TEST_F(ImageClientTest, ClientsMayGoAsSoonAsTheirCallsEnd) {
  server_->Shutdown();
  for (int i = 0; i < 2000; ++i) {
    ImageClient client(MakeChannel(address_, Retries::kOff));
    EXPECT_TRUE(absl::IsUnavailable(client.GenerateImages(Request("a cat")).status()));
  }
}

}  // namespace
}  // namespace darkroom
