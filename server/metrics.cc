#include "server/metrics.h"

#include "server/status_details.h"

namespace darkroom {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kRequestSeconds = {0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1,  1.5, 2,
                                 3,    4,   6,   8,   12,  20,   30, 60,  120};
const Buckets kQueueSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                               0.25,  0.5,    1,     2.5,  5,     10,   30};
const Buckets kStageSeconds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                               0.2,    0.5,   1,     2,     5,    10,   30};
const Buckets kBatchSizes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};

const std::map<absl::StatusCode, const char*> kCodes = {
    {absl::StatusCode::kOk, "OK"},
    {absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT"},
    {absl::StatusCode::kNotFound, "NOT_FOUND"},
    {absl::StatusCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
    {absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
    {absl::StatusCode::kCancelled, "CANCELLED"},
    {absl::StatusCode::kAlreadyExists, "ALREADY_EXISTS"},
    {absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED"},
    {absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED"},
    {absl::StatusCode::kUnavailable, "UNAVAILABLE"},
    {absl::StatusCode::kInternal, "INTERNAL"}};

const std::map<Stage, const char*> kStages = {{Stage::kTextEncode, "text_encode"},
                                              {Stage::kDenoiseStep, "denoise_step"},
                                              {Stage::kVaeDecode, "vae_decode"},
                                              {Stage::kEncode, "encode"}};

// Which line of the duration histogram, and which reason for a refusal, an answer counts under.
const char* Outcome(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk: return "ok";
    case absl::StatusCode::kCancelled: return "cancelled";
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable: return "shed";
    default: return "error";
  }
}

const char* Rejection(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (absl::IsInvalidArgument(status) || absl::IsNotFound(status)) return "invalid";
  if (absl::IsAlreadyExists(status)) return "in_flight";
  if (absl::IsUnauthenticated(status)) return "unauthenticated";
  if (absl::IsPermissionDenied(status)) return "not_allowed";
  if (reason == kReasonQueueFull) return "queue_full";
  if (reason == kReasonTenantQueueFull) return "tenant";
  if (reason == kReasonDeadlineExceeded) return "deadline";
  if (reason == kReasonDraining) return "draining";
  return nullptr;
}

}  // namespace

Metrics::Metrics(const ModelInfo& model, int64_t queue_limit)
    : queue_depth_(AddGauge("darkroom_queue_depth", "Images waiting for the device.")),
      running_images_(AddGauge("darkroom_running_images", "Images under way on the devices.")),
      live_calls_(AddGauge("darkroom_live_calls", "Calls that have arrived and not ended.")),
      ready_(AddGauge("darkroom_ready", "1 while new calls are welcome.")),
      draining_(AddGauge("darkroom_draining", "1 from the shutdown signal on.")),
      certificate_expiry_(AddGauge("darkroom_tls_certificate_expiry_timestamp_seconds",
                                   "When the served certificate expires; 0 without TLS.")),
      last_reload_(AddGauge("darkroom_config_last_reload_success",
                            "0 when the newest certificates or tokens could not be taken.")),
      tls_failures_(AddCounter("darkroom_tls_reload_failures_total",
                               "New certificates that could not be taken.")),
      token_failures_(AddCounter("darkroom_token_reload_failures_total",
                                 "New token files that could not be taken.")),
      images_(AddCounter("darkroom_images_total", "Images made.")),
      denoise_steps_(AddCounter("darkroom_denoise_steps_total", "Denoising steps of all rows.")),
      nan_retries_(AddCounter("darkroom_nan_retries_total",
                              "Images that overflowed and were decoded again in float32.")),
      queue_wait_(&prometheus::BuildHistogram()
                       .Name("darkroom_queue_wait_seconds")
                       .Help("From an image's acceptance to its first work on the device.")
                       .Register(*registry_)
                       .Add({}, kQueueSeconds)),
      batch_size_(&prometheus::BuildHistogram()
                       .Name("darkroom_batch_size_images")
                       .Help("Rows in a UNet pass, observed once per pass.")
                       .Register(*registry_)
                       .Add({}, kBatchSizes)) {
  AddGauge("darkroom_queue_limit", "Images that may wait.").Set(static_cast<double>(queue_limit));
  auto& stages = prometheus::BuildHistogram()
                     .Name("darkroom_stage_duration_seconds")
                     .Help("Time of one run of a stage, over all its rows.")
                     .Register(*registry_);
  for (const auto& [stage, name] : kStages) {
    stages_[stage] = &stages.Add({{"stage", name}}, kStageSeconds);
  }
  last_reload_.Set(1);
  AddRequestMetrics();
  AddInfo(model);
}

prometheus::Counter& Metrics::AddCounter(const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add({});
}

prometheus::Gauge& Metrics::AddGauge(const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add({});
}

void Metrics::AddRequestMetrics() {
  auto& requests = prometheus::BuildCounter()
                       .Name("darkroom_requests_total")
                       .Help("Calls answered.")
                       .Register(*registry_);
  for (const Method method : kMethods) {
    for (const auto& [code, name] : kCodes) {
      requests_[{method, code}] = &requests.Add({{"method", NameOf(method).rpc}, {"code", name}});
    }
  }
  auto& durations = prometheus::BuildHistogram()
                        .Name("darkroom_request_duration_seconds")
                        .Help("From a call's arrival to its answer.")
                        .Register(*registry_);
  for (const Method method : kMethods) {
    for (const char* outcome : {"ok", "error", "shed", "cancelled"}) {
      durations_[{method, outcome}] =
          &durations.Add({{"method", NameOf(method).rpc}, {"outcome", outcome}}, kRequestSeconds);
    }
  }
  auto& rejected = prometheus::BuildCounter()
                       .Name("darkroom_rejected_total")
                       .Help("Calls that failed, by reason.")
                       .Register(*registry_);
  for (const char* reason : {"invalid", "in_flight", "unauthenticated", "not_allowed", "queue_full",
                             "tenant", "deadline", "draining"}) {
    rejected_[reason] = &rejected.Add({{"reason", reason}});
  }
}

void Metrics::AddInfo(const ModelInfo& model) {
  prometheus::BuildGauge()
      .Name("darkroom_build_info")
      .Help("Always 1.")
      .Register(*registry_)
      .Add({{"version", DARKROOM_VERSION}})
      .Set(1);
  prometheus::BuildGauge()
      .Name("darkroom_model_info")
      .Help("Always 1.")
      .Register(*registry_)
      .Add({{"model", model.id}, {"device", model.device}, {"dtype", model.dtype}})
      .Set(1);
}

void Metrics::OnImages(int64_t waiting_change, int64_t running_change) {
  queue_depth_.Increment(static_cast<double>(waiting_change));
  running_images_.Increment(static_cast<double>(running_change));
}

void Metrics::OnQueueWait(absl::Duration waited) {
  queue_wait_->Observe(absl::ToDoubleSeconds(waited));
}

void Metrics::OnPass(int rows) {
  batch_size_->Observe(rows);
  denoise_steps_.Increment(rows);
}

void Metrics::OnStage(Stage stage, absl::Duration took) {
  stages_.at(stage)->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::OnImage() { images_.Increment(); }

void Metrics::OnNanRetry() { nan_retries_.Increment(); }

void Metrics::OnCallStarted() { live_calls_.Increment(); }

void Metrics::OnCallEnded(Method method, const absl::Status& status, absl::Duration took) {
  const bool known = kCodes.contains(status.code());
  requests_.at({method, known ? status.code() : absl::StatusCode::kInternal})->Increment();
  durations_.at({method, Outcome(status.code())})->Observe(absl::ToDoubleSeconds(took));
  if (status.ok()) return live_calls_.Decrement();
  if (const char* reason = Rejection(status)) rejected_.at(reason)->Increment();
  live_calls_.Decrement();
}

void Metrics::SetReady(bool ready) { ready_.Set(ready ? 1 : 0); }

void Metrics::SetDraining() { draining_.Set(1); }

void Metrics::OnTlsReloaded(bool taken) {
  tls_taken_ = taken;
  last_reload_.Set(tls_taken_ && tokens_taken_ ? 1 : 0);
  if (!taken) tls_failures_.Increment();
}

void Metrics::OnTokensReloaded(bool taken) {
  tokens_taken_ = taken;
  last_reload_.Set(tls_taken_ && tokens_taken_ ? 1 : 0);
  if (!taken) token_failures_.Increment();
}

void Metrics::SetCertificateExpiry(absl::Time expiry) {
  certificate_expiry_.Set(absl::ToDoubleSeconds(expiry - absl::UnixEpoch()));
}

}  // namespace darkroom
