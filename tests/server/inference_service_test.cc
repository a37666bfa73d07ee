#include "server/inference_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>

#include "tests/support/call_fixture.h"

namespace darkroom {
namespace {

constexpr int kMaxBatchSize = 6;

class InferenceServiceTest : public testing::Test {
 protected:
  InferenceServiceTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = inference::GRPCInferenceService::NewStub(server_->InProcessChannel({}));
  }

  template <typename Request, typename Response>
  using Method = grpc::Status (inference::GRPCInferenceService::Stub::*)(grpc::ClientContext*,
                                                                         const Request&, Response*);

  // Calls a method that asks for a model.
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, const std::string& name,
                    const std::string& version, Response* response) {
    grpc::ClientContext context;
    Request request;
    request.set_name(name);
    request.set_version(version);
    return (stub_.get()->*method)(&context, request, response);
  }

  template <typename Request, typename Response>
  void ExpectNotFoundUnlessOurs(Method<Request, Response> method) {
    Response response;
    EXPECT_TRUE(Call(method, "emoji", "", &response).ok());
    EXPECT_TRUE(Call(method, "emoji", "1", &response).ok());
    EXPECT_EQ(Call(method, "emoji", "2", &response).error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(Call(method, "apple", "", &response).error_code(), grpc::NOT_FOUND);
  }

  bool IsModelReady(const std::string& name) {
    inference::ModelReadyResponse response;
    EXPECT_TRUE(Call(&inference::GRPCInferenceService::Stub::ModelReady, name, "", &response).ok());
    return response.ready();
  }

  bool IsServerReady() {
    grpc::ClientContext context;
    inference::ServerReadyResponse response;
    EXPECT_TRUE(stub_->ServerReady(&context, {}, &response).ok());
    return response.ready();
  }

  CallFixture fixture_;
  const ModelInfo model_ = {.id = "emoji", .device = "cpu"};
  ModelStatistics statistics_;
  std::atomic<bool> ready_ = true;
  std::atomic<bool> broken_ = false;
  InferenceService service_{fixture_.context, model_, kMaxBatchSize, statistics_, [this] {
                              if (broken_) throw std::runtime_error("broken");
                              return ready_.load();
                            }};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
};

TEST_F(InferenceServiceTest, ReadinessFollowsTheServerAndLivenessDoesNot) {
  EXPECT_TRUE(IsServerReady());
  EXPECT_TRUE(IsModelReady("emoji"));
  EXPECT_FALSE(IsModelReady("apple"));
  ready_ = false;
  EXPECT_FALSE(IsServerReady());
  EXPECT_FALSE(IsModelReady("emoji"));
  grpc::ClientContext context;
  inference::ServerLiveResponse response;
  EXPECT_TRUE(stub_->ServerLive(&context, {}, &response).ok());
  EXPECT_TRUE(response.live());
}

TEST_F(InferenceServiceTest, OtherModelsAreNotFound) {
  using Stub = inference::GRPCInferenceService::Stub;
  ExpectNotFoundUnlessOurs<inference::ModelMetadataRequest>(&Stub::ModelMetadata);
  ExpectNotFoundUnlessOurs<inference::ModelConfigRequest>(&Stub::ModelConfig);
  ExpectNotFoundUnlessOurs<inference::ModelStatisticsRequest>(&Stub::ModelStatistics);
}

TEST_F(InferenceServiceTest, StatisticsWithoutANameAreThoseOfTheModel) {
  statistics_.OnSuccess(3, 1, {.total = absl::Seconds(1)});
  inference::ModelStatisticsResponse response;
  ASSERT_TRUE(
      Call(&inference::GRPCInferenceService::Stub::ModelStatistics, "", "", &response).ok());
  ASSERT_EQ(response.model_stats_size(), 1);
  EXPECT_EQ(response.model_stats(0).name(), "emoji");
  EXPECT_EQ(response.model_stats(0).version(), "1");
  EXPECT_EQ(response.model_stats(0).inference_count(), 3);
}

TEST_F(InferenceServiceTest, AHandlerThatThrowsAnswersInternal) {
  broken_ = true;
  grpc::ClientContext context;
  inference::ServerReadyResponse response;
  EXPECT_EQ(stub_->ServerReady(&context, {}, &response).error_code(), grpc::INTERNAL);
  broken_ = false;
  EXPECT_TRUE(IsServerReady());
}

}  // namespace
}  // namespace darkroom
