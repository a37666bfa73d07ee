#include "client/cpp/rpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace darkroom {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

TEST(RpcStatusTest, OkIsOk) { EXPECT_TRUE(FromRpcStatus(grpc::Status::OK).ok()); }

TEST(RpcStatusTest, EveryCodeIsKept) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status =
        FromRpcStatus(grpc::Status(static_cast<grpc::StatusCode>(code), "no"));
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "no");
  }
}

TEST(RpcStatusTest, ViolationsJoinTheMessageAndDetailsBecomePayloads) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("width");
  violation->set_description("must be a multiple of 8");
  violation = bad_request.add_field_violations();
  violation->set_field("num_inference_steps");
  violation->set_description("must be at most 150");
  google::rpc::ErrorInfo info;
  info.set_reason("INVALID_FIELD");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  details.add_details()->PackFrom(bad_request);

  const absl::Status status = FromRpcStatus(grpc::Status(
      grpc::StatusCode::INVALID_ARGUMENT, "2 fields are invalid", details.SerializeAsString()));
  EXPECT_EQ(status.message(),
            "2 fields are invalid: width: must be a multiple of 8; "
            "num_inference_steps: must be at most 150");
  const auto payload = status.GetPayload(kErrorInfoUrl);
  ASSERT_TRUE(payload.has_value());
  google::rpc::ErrorInfo kept;
  ASSERT_TRUE(kept.ParseFromString(std::string(*payload)));
  EXPECT_EQ(kept.reason(), "INVALID_FIELD");
}

TEST(RpcStatusTest, WhatTheMessageSaysIsNotSaidTwice) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("width");
  violation->set_description("must be a multiple of 8");
  google::rpc::Status details;
  details.add_details()->PackFrom(bad_request);
  const std::string message = "width: must be a multiple of 8";
  const absl::Status status = FromRpcStatus(
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, message, details.SerializeAsString()));
  EXPECT_EQ(status.message(), message);
}

TEST(RpcStatusTest, UnreadableDetailsAreLeftOut) {
  const absl::Status status =
      FromRpcStatus(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xff\xff\xff"));
  EXPECT_EQ(status, absl::InternalError("broken"));
}

}  // namespace
}  // namespace darkroom
