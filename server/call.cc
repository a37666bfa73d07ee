#include "server/call.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identifier.h"
#include "server/logging.h"
#include "server/proto_duration.h"
#include "server/status_details.h"
#include "server/trace_context.h"

namespace darkroom {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);
// At once; at 0, gRPC's own clients (seen with 1.85) never send the next attempt.
constexpr int64_t kNoDelayMs = 1;
constexpr char kPushbackKey[] = "grpc-retry-pushback-ms";
constexpr char kTraceKey[] = "traceparent";
// A caller's deadline passes before it does here, by the time that its request was on the way.
constexpr absl::Duration kDeadlineSkew = absl::Milliseconds(100);
constexpr size_t kMaxLoggedError = 200;

double Milliseconds(const google::protobuf::Duration& duration) {
  return absl::ToDoubleMilliseconds(ToDuration(duration));
}

// The value of this metadata; nothing when there is none, or more than one.
std::optional<std::string_view> Metadata(const grpc::CallbackServerContext& call, const char* key) {
  const auto [first, last] = call.client_metadata().equal_range(key);
  if (first == last || std::next(first) != last) return std::nullopt;
  return std::string_view(first->second.data(), first->second.size());
}

}  // namespace

absl::StatusOr<Caller> Identify(const Authenticator& authenticator,
                                const grpc::CallbackServerContext& call) {
  return authenticator.Identify(Metadata(call, "authorization"), call.peer());
}

Call::Call(const CallContext& context, Method method, grpc::CallbackServerContext* call)
    : context_(context),
      method_(method),
      call_(call),
      arrival_(context.clock.TimeNow()),
      trace_id_(TraceIdOf(Metadata(*call, kTraceKey).value_or(""))) {
  context_.metrics.calls.OnCallStarted();
}

void Call::Run() try {
  self_ = shared_from_this();
  context_.calls.Add(self_);
  const absl::StatusOr<Caller> caller = Identify(context_.authenticator, *call_);
  if (!caller.ok()) return Answer(caller.status());
  {
    absl::MutexLock lock(&mu_);
    tenant_ = caller->tenant;
  }
  if (absl::Status status = Begin(*caller); !status.ok()) Answer(status);
} catch (const std::exception& error) {
  Answer(absl::InternalError(error.what()));
}

void Call::Release() {
  absl::Time answered;
  {
    absl::MutexLock lock(&mu_);
    released_ = true;
    answered = answer_time_;
  }
  if (answered != absl::InfiniteFuture()) {
    context_.metrics.images.OnStage(Stage::kSend, context_.clock.TimeNow() - answered);
  }
  context_.calls.Remove(*this);
  const std::shared_ptr<Call> last = std::move(self_);
}

void Call::OnTick(absl::Time now) {
  const CallRules& rules = context_.rules;
  if (now > arrival_ + rules.max_duration + rules.write_timeout) Reset();
}

void Call::Reset() {
  absl::MutexLock lock(&mu_);
  if (!released_) call_->TryCancel();
}

void Call::OnCancelled() {
  const bool is_late = context_.clock.TimeNow() + kDeadlineSkew >= Deadline();
  Answer(is_late ? absl::DeadlineExceededError("the deadline passed")
                 : absl::CancelledError("the caller cancelled"));
}

absl::Time Call::Deadline() const {
  const absl::Time longest = arrival_ + context_.rules.max_duration;
  const auto left = call_->deadline() - std::chrono::system_clock::now();
  // No deadline is one far away, which must not overflow.
  if (left > absl::ToChronoHours(context_.rules.max_duration) + std::chrono::hours(1)) {
    return longest;
  }
  return std::min(context_.clock.TimeNow() + absl::FromChrono(left), longest);
}

absl::Status Call::Open(const v1::GenerateImagesRequest& request, const Caller& caller,
                        absl::Time deadline, std::shared_ptr<GenerationListener> listener) {
  if (IsIdentifier(request.request_id())) {
    absl::MutexLock lock(&mu_);
    asked_["request_id"] = request.request_id();  // Already for a refusal.
  }
  auto generation = context_.desk.Open(request, caller, deadline, listener);
  if (!generation.ok()) return generation.status();
  bool is_wanted = false;
  {
    absl::MutexLock lock(&mu_);
    asked_["request_id"] = (*generation)->request_id();
    asked_["images"] = asked_.value("images", size_t{0}) + (*generation)->image_count();
    if (context_.rules.log_prompts) asked_["prompt"] = request.prompt();
    is_wanted = !answered_;
    if (is_wanted) opened_.push_back({*generation, listener});
  }
  is_wanted ? (*generation)->Run() : (*generation)->Leave(*listener);
  return absl::OkStatus();
}

bool Call::TakeAnswer() {
  absl::MutexLock lock(&mu_);
  return !std::exchange(answered_, true);
}

void Call::Complete(const absl::Status& status, v1::GenerationStats* stats) {
  std::vector<Opened> opened;
  {
    absl::MutexLock lock(&mu_);
    opened = std::exchange(opened_, {});
  }
  for (const Opened& each : opened) each.generation->Leave(*each.listener);
  const absl::Duration took = context_.clock.TimeNow() - arrival_;
  if (stats != nullptr) SetDuration(took, stats->mutable_total());
  AddTrailers(status);
  Log(status, took, stats);
  context_.metrics.calls.OnCallEnded(method_, status, took);
  {
    absl::MutexLock lock(&mu_);
    answer_time_ = context_.clock.TimeNow();
  }
  SendStatus(ToGrpcStatus(absl::IsUnavailable(status) ? WithRetry(status, kRetryDelay) : status));
}

void Call::Answer(const absl::Status& status) {
  if (TakeAnswer()) Complete(status);
}

void Call::AddTrailers(const absl::Status& status) {
  // Another server may be free at once, but a full queue has to drain first.
  const int64_t delay = absl::ToInt64Milliseconds(RetryDelay(status));
  if (delay > 0 || absl::IsUnavailable(status)) {
    call_->AddTrailingMetadata(kPushbackKey, absl::StrCat(std::max(delay, kNoDelayMs)));
  }
  if (!trace_id_.empty()) {
    const std::string_view header = *Metadata(*call_, kTraceKey);
    call_->AddTrailingMetadata(kTraceKey, std::string(header.substr(0, kTraceparentSize)));
  }
}

void Call::Log(const absl::Status& status, absl::Duration took,
               const v1::GenerationStats* stats) const {
  LogFields fields;
  {
    absl::MutexLock lock(&mu_);
    fields = asked_;
    fields["tenant"] = tenant_;
  }
  fields["code"] = absl::StatusCodeToString(status.code());
  fields["total_ms"] = absl::ToDoubleMilliseconds(took);
  if (!trace_id_.empty()) fields["trace_id"] = trace_id_;
  if (stats != nullptr) {
    fields["queue_ms"] = Milliseconds(stats->queue_wait());
    fields["denoising_ms"] = Milliseconds(stats->denoising());
    fields["mean_batch"] = stats->batch_sizes().mean();
  }
  const absl::string_view message = status.message();
  if (!status.ok()) {
    fields["reason"] = ReasonOf(status);
    fields["error"] = Shortened({message.data(), message.size()}, kMaxLoggedError);
  }
  LogEvent(absl::IsInternal(status) ? LogLevel::kError : LogLevel::kInfo, NameOf(method_).event,
           fields);
}

}  // namespace darkroom
