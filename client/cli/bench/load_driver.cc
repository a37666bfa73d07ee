#include "client/cli/bench/load_driver.h"

#include <chrono>
#include <random>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace darkroom {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// A clock that is set while a run lasts moves no latency.
absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

std::string Reason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kErrorInfoUrl);
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

void Record(const ImageClient::Reply& reply, Outcome& outcome) {
  outcome.fate = Outcome::Fate::kAnswered;
  outcome.code = reply.status().code();
  if (!reply.ok()) {
    outcome.reason = Reason(reply.status());
    return;
  }
  const v1::GenerationStats& stats = reply->stats();
  outcome.images = static_cast<uint32_t>(reply->images_size());
  outcome.steps = stats.num_inference_steps();
  outcome.batch_sizes = stats.batch_sizes();
  outcome.queue_wait =
      absl::Seconds(stats.queue_wait().seconds()) + absl::Nanoseconds(stats.queue_wait().nanos());
}

}  // namespace

// Ids differ from run to run, or two runs of one seed would join each other's calls. A repeated
// call keeps its id, and so joins itself where the first try still runs.
LoadDriver::LoadDriver(absl::Duration deadline, size_t max_in_flight, Send send)
    : deadline_(deadline),
      max_in_flight_(max_in_flight),
      send_(std::move(send)),
      id_prefix_(absl::StrCat("bench-", absl::Hex(std::random_device()(), absl::kZeroPad8), "-")) {}

std::vector<Outcome> LoadDriver::Run(const std::vector<Arrival>& schedule, const RequestMix& mix) {
  std::vector<Outcome> outcomes(schedule.size());
  start_ = SteadyNow();
  for (size_t i = 0; i < schedule.size(); ++i) {
    v1::GenerateImagesRequest request = RequestOf(schedule[i], mix);
    request.set_request_id(absl::StrCat(id_prefix_, i));
    const Turn turn = AwaitTurn(schedule[i].at);
    if (turn == Turn::kStop) break;
    if (turn == Turn::kSend) SendOne(std::move(request), schedule[i].at, outcomes[i]);
    if (turn == Turn::kDrop) outcomes[i].fate = Outcome::Fate::kDropped;
  }
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](Counts* counts) { return counts->answered == counts->sent; }, &counts_));
  elapsed_ = SinceStart();
  return outcomes;
}

void LoadDriver::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  mu_.Await(absl::Condition(
      +[](bool* sending) { return !*sending; }, &sending_));
}

LoadDriver::Counts LoadDriver::counts() const {
  absl::MutexLock lock(&mu_);
  return counts_;
}

LoadDriver::Turn LoadDriver::AwaitTurn(absl::Duration at) {
  absl::MutexLock lock(&mu_);
  // In a loop, because the mutex waits by a clock that may be set.
  for (absl::Duration left = at - SinceStart(); left > absl::ZeroDuration() && !stopped_;
       left = at - SinceStart()) {
    mu_.AwaitWithTimeout(absl::Condition(&stopped_), left);
  }
  if (stopped_) return Turn::kStop;
  if (counts_.sent - counts_.answered >= max_in_flight_) {
    ++counts_.dropped;
    return Turn::kDrop;
  }
  ++counts_.sent;
  sending_ = true;
  return Turn::kSend;
}

void LoadDriver::SendOne(v1::GenerateImagesRequest request, absl::Duration at, Outcome& outcome) {
  const absl::Duration lateness = SinceStart() - at;
  outcome.lateness = lateness;
  send_(
      std::move(request),
      [this, at, &outcome](ImageClient::Reply reply) {
        outcome.latency = SinceStart() - at;
        Record(reply, outcome);
        absl::MutexLock lock(&mu_);  // Last, for Run() may return then.
        ++counts_.answered;
      },
      deadline_ - lateness);
  absl::MutexLock lock(&mu_);
  sending_ = false;
}

absl::Duration LoadDriver::SinceStart() const { return SteadyNow() - start_; }

}  // namespace darkroom
