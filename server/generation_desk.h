#ifndef DARKROOM_SERVER_GENERATION_DESK_H_
#define DARKROOM_SERVER_GENERATION_DESK_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/auth_tokens.h"
#include "server/field_rules.h"
#include "server/generation.h"
#include "server/sha256.h"

namespace darkroom {

// Where calls ask for generations. A request with the content and request_id of one that the same
// tenant has in flight joins that one. Thread-safe.
class GenerationDesk {
 public:
  // What the rules borrow outlives the desk.
  GenerationDesk(const GenerationContext& context, const RequestRules& rules)
      : context_(context), rules_(rules) {}

  // The generation of the request, which the listener has joined, and which the caller is to Run.
  // INVALID_ARGUMENT and NOT_FOUND as
  // ParseRequest; PERMISSION_DENIED for a priority that the caller may not use; ALREADY_EXISTS for
  // other content under a request_id in flight.
  absl::StatusOr<std::shared_ptr<Generation>> Open(const v1::GenerateImagesRequest& request,
                                                   const Caller& caller, absl::Time deadline,
                                                   std::shared_ptr<GenerationListener> listener)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Key = std::pair<std::string, std::string>;  // Tenant and request_id.
  struct Entry {
    Sha256Digest digest;  // Of the whole request.
    std::weak_ptr<Generation> generation;
  };

  // Finds one to join, or puts `fresh` in its place.
  absl::StatusOr<std::shared_ptr<Generation>> JoinOrEnter(
      const Key& key, const v1::GenerateImagesRequest& request, std::shared_ptr<Generation> fresh,
      std::shared_ptr<GenerationListener> listener, absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);
  void DropEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const GenerationContext context_;
  const RequestRules& rules_;
  absl::Mutex mu_;
  absl::flat_hash_map<Key, Entry> in_flight_ ABSL_GUARDED_BY(mu_);  // And some that have ended.
  size_t drop_at_ ABSL_GUARDED_BY(mu_) = 64;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_DESK_H_
