#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

class MetricsTest : public testing::Test {
 protected:
  using Samples = std::map<std::string, double>;

  // Every label set and its value: a counter's, a gauge's, a histogram's number of observations.
  Samples Collect() const {
    Samples samples;
    for (const prometheus::MetricFamily& family : metrics_.registry()->Collect()) {
      for (const prometheus::ClientMetric& metric : family.metric) {
        std::string name = family.name;
        for (const auto& label : metric.label) {
          absl::StrAppend(&name, " ", label.name, "=", label.value);
        }
        samples[name] = metric.counter.value + metric.gauge.value +
                        static_cast<double>(metric.histogram.sample_count);
      }
    }
    return samples;
  }

  // What changed, without the family that only says how many calls live.
  Samples ChangesAfter(Method method, const absl::Status& answer) {
    const Samples before = Collect();
    metrics_.OnCallStarted();
    metrics_.OnCallEnded(method, answer, absl::Seconds(1));
    Samples changes;
    for (const auto& [name, value] : Collect()) {
      if (value != before.at(name)) changes[name] = value - before.at(name);
    }
    return changes;
  }

  const ModelInfo model_{.id = "emoji", .device = "cpu", .dtype = "float32"};
  Metrics metrics_{model_, 256};
};

TEST_F(MetricsTest, EveryLabelSetExistsAtZeroFromTheStart) {
  Samples expected = {{"darkroom_queue_limit", 256},
                      {"darkroom_config_last_reload_success", 1},
                      {"darkroom_build_info version=" DARKROOM_VERSION, 1},
                      {"darkroom_model_info device=cpu dtype=float32 model=emoji", 1}};
  for (const char* name : {"queue_depth", "running_images", "live_calls", "ready", "draining",
                           "tls_certificate_expiry_timestamp_seconds", "tls_reload_failures_total",
                           "token_reload_failures_total", "images_total", "denoise_steps_total",
                           "nan_retries_total", "queue_wait_seconds", "batch_size_images"}) {
    expected[absl::StrCat("darkroom_", name)] = 0;
  }
  for (const char* stage : {"text_encode", "denoise_step", "vae_decode", "encode"}) {
    expected[absl::StrCat("darkroom_stage_duration_seconds stage=", stage)] = 0;
  }
  for (const char* method : {"GenerateImages", "StreamImages", "ModelInfer"}) {
    for (const char* code : {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS",
                             "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED",
                             "DEADLINE_EXCEEDED", "CANCELLED", "UNAVAILABLE", "INTERNAL"}) {
      expected[absl::StrCat("darkroom_requests_total code=", code, " method=", method)] = 0;
    }
    for (const char* outcome : {"ok", "error", "shed", "cancelled"}) {
      expected[absl::StrCat("darkroom_request_duration_seconds method=", method,
                            " outcome=", outcome)] = 0;
    }
  }
  for (const char* reason : {"invalid", "in_flight", "unauthenticated", "not_allowed", "queue_full",
                             "tenant", "deadline", "draining"}) {
    expected[absl::StrCat("darkroom_rejected_total reason=", reason)] = 0;
  }
  EXPECT_EQ(Collect(), expected);
}

TEST_F(MetricsTest, AreFewerThanFifteenHundredSeries) {
  size_t series = 0;
  for (const prometheus::MetricFamily& family : metrics_.registry()->Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      const size_t buckets = metric.histogram.bucket.size();
      series += buckets == 0 ? 1 : buckets + 2;  // The sum and the count.
    }
  }
  EXPECT_LT(series, 1500u);
}

struct Answer {
  absl::Status status;
  std::string code, outcome, rejection;  // No rejection: empty.
};

class AnswerTest : public MetricsTest, public testing::WithParamInterface<Answer> {};

TEST_P(AnswerTest, CountsInItsCodeOutcomeAndRejectionAlone) {
  const auto& [status, code, outcome, rejection] = GetParam();
  for (const Method method : kMethods) {
    const std::string rpc = NameOf(method).rpc;
    Samples expected = {
        {absl::StrCat("darkroom_requests_total code=", code, " method=", rpc), 1},
        {absl::StrCat("darkroom_request_duration_seconds method=", rpc, " outcome=", outcome), 1}};
    if (!rejection.empty()) expected["darkroom_rejected_total reason=" + rejection] = 1;
    EXPECT_EQ(ChangesAfter(method, status), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, AnswerTest,
    testing::Values(
        Answer{absl::OkStatus(), "OK", "ok", ""},
        Answer{InvalidRequest({{"width", "is odd"}}), "INVALID_ARGUMENT", "error", "invalid"},
        Answer{WithReason(absl::NotFoundError("x"), kReasonModelNotFound), "NOT_FOUND", "error",
               "invalid"},
        Answer{absl::ResourceExhaustedError("x"), "RESOURCE_EXHAUSTED", "shed", "queue_full"},
        Answer{WithReason(absl::ResourceExhaustedError("x"), kReasonTenantQueueFull),
               "RESOURCE_EXHAUSTED", "shed", "tenant"},
        Answer{WithReason(absl::ResourceExhaustedError("memory"), kReasonDeviceOutOfMemory),
               "RESOURCE_EXHAUSTED", "shed", ""},
        Answer{absl::DeadlineExceededError("x"), "DEADLINE_EXCEEDED", "error", "deadline"},
        Answer{absl::CancelledError("x"), "CANCELLED", "cancelled", ""},
        Answer{absl::UnavailableError("x"), "UNAVAILABLE", "shed", "draining"},
        Answer{absl::AlreadyExistsError("x"), "ALREADY_EXISTS", "error", "in_flight"},
        Answer{absl::UnauthenticatedError("x"), "UNAUTHENTICATED", "error", "unauthenticated"},
        Answer{absl::PermissionDeniedError("x"), "PERMISSION_DENIED", "error", "not_allowed"},
        Answer{WithReason(absl::ResourceExhaustedError("x"), kReasonSlowReader),
               "RESOURCE_EXHAUSTED", "shed", ""},
        Answer{absl::InternalError("x"), "INTERNAL", "error", ""},
        Answer{absl::DataLossError("x"), "INTERNAL", "error", ""}),
    [](const auto& test) {
      return absl::StrCat(absl::StatusCodeToString(test.param.status.code()), test.index);
    });

TEST_F(MetricsTest, APassCountsItsRowsAsSteps) {
  metrics_.OnPass(3);
  metrics_.OnPass(1);
  metrics_.OnStage(Stage::kVaeDecode, absl::Milliseconds(5));
  metrics_.OnImage();
  const Samples samples = Collect();
  EXPECT_EQ(samples.at("darkroom_denoise_steps_total"), 4);
  EXPECT_EQ(samples.at("darkroom_batch_size_images"), 2);
  EXPECT_EQ(samples.at("darkroom_stage_duration_seconds stage=vae_decode"), 1);
  EXPECT_EQ(samples.at("darkroom_images_total"), 1);
}

TEST_F(MetricsTest, GaugesFollow) {
  metrics_.OnImages(7, 0);
  metrics_.OnImages(-2, 2);
  metrics_.SetReady(true);
  metrics_.OnCallStarted();
  EXPECT_EQ(Collect().at("darkroom_queue_depth"), 5);
  EXPECT_EQ(Collect().at("darkroom_running_images"), 2);
  EXPECT_EQ(Collect().at("darkroom_ready"), 1);
  EXPECT_EQ(Collect().at("darkroom_live_calls"), 1);
  metrics_.SetReady(false);
  EXPECT_EQ(Collect().at("darkroom_ready"), 0);
}

}  // namespace
}  // namespace darkroom
