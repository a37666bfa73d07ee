#include "client/cpp/channel.h"

#include <grpcpp/client_context.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "darkroom/v1/image_generation.grpc.pb.h"

namespace darkroom {
namespace {

// Fails its first `failures` calls with `code`, and a pushback of 1 ms as the server's door has.
class FlakyService final : public v1::ImageGenerationService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GenerateImages(grpc::CallbackServerContext* context,
                                           const v1::GenerateImagesRequest*,
                                           v1::GenerateImagesResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (calls++ < failures) {
      context->AddTrailingMetadata("grpc-retry-pushback-ms", "1");
      reactor->Finish(grpc::Status(code, "not this time"));
    } else {
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

  int failures = 0;
  grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE;
  std::atomic<int> calls = 0;
};

// A server on `port`, or on one that it picks.
struct FlakyServer {
  explicit FlakyServer(int wanted = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", wanted), grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service);
    // Nothing else may hold the port, or a test would count another server's calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    server = builder.BuildAndStart();
  }
  ~FlakyServer() {
    if (server != nullptr) server->Shutdown();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port); }

  int port = 0;
  FlakyService service;
  std::unique_ptr<grpc::Server> server;
};

class Caller {
 public:
  explicit Caller(const std::string& target, Retries retries = Retries::kOn)
      : stub_(v1::ImageGenerationService::NewStub(MakeChannel(target, retries))) {}

  grpc::StatusCode Call(size_t prompt_bytes = 0) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    v1::GenerateImagesRequest request;
    request.set_prompt(std::string(prompt_bytes, 'x'));
    v1::GenerateImagesResponse response;
    return stub_->GenerateImages(&context, request, &response).error_code();
  }

 private:
  std::unique_ptr<v1::ImageGenerationService::Stub> stub_;
};

TEST(ChannelTest, CallsTakeTurnsAmongAllAddresses) {
  FlakyServer one;
  FlakyServer other;
  Caller caller(absl::StrCat("ipv4:", one.address(), ",", other.address()));
  // One connection may be up before the other.
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while ((one.service.calls == 0 || other.service.calls == 0) && absl::Now() < give_up) {
    ASSERT_EQ(caller.Call(), grpc::StatusCode::OK);
  }
  const int before[] = {one.service.calls, other.service.calls};
  for (int i = 0; i < 20; ++i) ASSERT_EQ(caller.Call(), grpc::StatusCode::OK);
  EXPECT_EQ(one.service.calls - before[0], 10);
  EXPECT_EQ(other.service.calls - before[1], 10);
}

TEST(ChannelTest, WhatIsWorthARetryIsSentUpToFourTimes) {
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    FlakyServer server;
    server.service.code = code;
    server.service.failures = 3;
    Caller caller(server.address());
    EXPECT_EQ(caller.Call(), grpc::StatusCode::OK);
    EXPECT_EQ(server.service.calls, 4);

    server.service.calls = 0;
    server.service.failures = 100;
    EXPECT_EQ(caller.Call(), code);
    EXPECT_EQ(server.service.calls, 4);
  }
}

TEST(ChannelTest, AllElseIsSentOnce) {
  for (const auto code : {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::INTERNAL,
                          grpc::StatusCode::DEADLINE_EXCEEDED}) {
    FlakyServer server;
    server.service.code = code;
    server.service.failures = 1;
    EXPECT_EQ(Caller(server.address()).Call(), code);
    EXPECT_EQ(server.service.calls, 1);
  }
}

TEST(ChannelTest, WithoutRetriesEveryCallIsSentOnce) {
  FlakyServer server;
  server.service.failures = 1;
  EXPECT_EQ(Caller(server.address(), Retries::kOff).Call(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.service.calls, 1);
}

// As large as one with an image to begin from.
TEST(ChannelTest, LargeRequestsAreRepeatedToo) {
  FlakyServer server;
  server.service.failures = 1;
  EXPECT_EQ(Caller(server.address()).Call(3 << 20), grpc::StatusCode::OK);
  EXPECT_EQ(server.service.calls, 2);
}

TEST(ChannelTest, AServerThatComesBackIsFoundWithinSeconds) {
  auto server = std::make_unique<FlakyServer>();
  const int port = server->port;
  Caller caller(server->address(), Retries::kOff);
  ASSERT_EQ(caller.Call(), grpc::StatusCode::OK);
  server.reset();
  // Long enough for gRPC's own pauses to grow beyond what is allowed below.
  const absl::Time back = absl::Now() + absl::Seconds(11);
  while (absl::Now() < back) {
    ASSERT_EQ(caller.Call(), grpc::StatusCode::UNAVAILABLE);
    absl::SleepFor(absl::Milliseconds(50));
  }
  server = std::make_unique<FlakyServer>(port);
  ASSERT_EQ(server->port, port);
  const absl::Time start = absl::Now();
  while (caller.Call() != grpc::StatusCode::OK) {
    ASSERT_LT(absl::Now() - start, absl::Milliseconds(3500));
    absl::SleepFor(absl::Milliseconds(50));
  }
}

}  // namespace
}  // namespace darkroom
