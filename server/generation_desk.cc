#include "server/generation_desk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

Priority PriorityOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_HIGH: return Priority::kHigh;
    case v1::PRIORITY_LOW: return Priority::kLow;
    default: return Priority::kNormal;
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<Generation>> GenerationDesk::Open(
    const v1::GenerateImagesRequest& request, const Caller& caller, absl::Time deadline,
    std::shared_ptr<GenerationListener> listener) {
  const absl::Time begin = context_.clock.TimeNow();
  absl::StatusOr<ParsedRequest> parsed = ParseRequest(request, context_.model, rules_);
  context_.metrics.images.OnStage(Stage::kParse, context_.clock.TimeNow() - begin);
  if (!parsed.ok()) return parsed.status();
  if (request.priority() == v1::PRIORITY_HIGH && !caller.may_use_high_priority) {
    return WithReason(absl::PermissionDeniedError("priority HIGH is not for this caller"),
                      kReasonPriorityNotAllowed);
  }
  const Key key = {caller.tenant, request.request_id()};
  const auto fresh =
      std::make_shared<Generation>(context_, request, *std::move(parsed),
                                   JobTerms{.priority = PriorityOf(request.priority()),
                                            .tenant = caller.tenant,
                                            .deadline = deadline});
  if (request.request_id().empty()) {  // One of its own, which nobody can know.
    fresh->Join(std::move(listener), deadline);
    return fresh;
  }
  return JoinOrEnter(key, request, fresh, std::move(listener), deadline);
}

absl::StatusOr<std::shared_ptr<Generation>> GenerationDesk::JoinOrEnter(
    const Key& key, const v1::GenerateImagesRequest& request, std::shared_ptr<Generation> fresh,
    std::shared_ptr<GenerationListener> listener, absl::Time deadline) {
  const Sha256Digest digest = Sha256(request.SerializeAsString());
  absl::MutexLock lock(&mu_);
  DropEnded();
  Entry& entry = in_flight_[key];
  const std::shared_ptr<Generation> found = entry.generation.lock();
  if (found != nullptr && found->is_live()) {
    if (entry.digest != digest) {
      return absl::AlreadyExistsError(
          absl::StrCat("another request is in flight under request_id ", key.second));
    }
    if (found->Join(listener, deadline)) return found;
  }
  entry = {digest, fresh};
  fresh->Join(std::move(listener), deadline);
  return fresh;
}

void GenerationDesk::DropEnded() {
  if (in_flight_.size() < drop_at_) return;
  absl::erase_if(in_flight_, [](const auto& entry) { return entry.second.generation.expired(); });
  drop_at_ = std::max<size_t>(64, 2 * in_flight_.size());
}

}  // namespace darkroom
