#include "server/metrics/call_metrics.h"

#include "server/status_details.h"

namespace darkroom {
namespace {

const MetricBuckets kRequestSeconds = {0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1,  1.5, 2,
                                       3,    4,   6,   8,   12,  20,   30, 60,  120};

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

CallMetrics::CallMetrics(prometheus::Registry& registry)
    : live_calls_(
          AddGauge(registry, "darkroom_live_calls", "Calls that have arrived and not ended.")),
      inflight_requests_(AddGauge(registry, "darkroom_inflight_requests",
                                  "Requests whose images are waited for, each once.")) {
  AddRequests(registry);
  for (const char* reason : {"invalid", "in_flight", "unauthenticated", "not_allowed", "queue_full",
                             "tenant", "deadline", "draining"}) {
    rejected_[reason] = &AddCounter(registry, "darkroom_rejected_total",
                                    "Calls that failed, by reason.", {{"reason", reason}});
  }
}

void CallMetrics::AddRequests(prometheus::Registry& registry) {
  for (const Method method : kMethods) {
    const char* const name = NameOf(method).rpc;
    for (const auto& [code, code_name] : kCodes) {
      requests_[{method, code}] =
          &AddCounter(registry, "darkroom_requests_total", "Calls answered.",
                      {{"method", name}, {"code", code_name}});
    }
    for (const char* outcome : {"ok", "error", "shed", "cancelled"}) {
      durations_[{method, outcome}] = &AddHistogram(
          registry, "darkroom_request_duration_seconds", "From a call's arrival to its answer.",
          kRequestSeconds, {{"method", name}, {"outcome", outcome}});
    }
  }
}

void CallMetrics::OnCallEnded(Method method, const absl::Status& status, absl::Duration took) {
  const bool known = kCodes.contains(status.code());
  requests_.at({method, known ? status.code() : absl::StatusCode::kInternal})->Increment();
  durations_.at({method, Outcome(status.code())})->Observe(absl::ToDoubleSeconds(took));
  if (!status.ok()) {
    if (const char* reason = Rejection(status)) rejected_.at(reason)->Increment();
  }
  live_calls_.Decrement();
}

}  // namespace darkroom
