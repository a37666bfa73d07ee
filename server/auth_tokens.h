#ifndef DARKROOM_SERVER_AUTH_TOKENS_H_
#define DARKROOM_SERVER_AUTH_TOKENS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace darkroom {

// Who sent a call.
struct Caller {
  std::string tenant;  // Whose share of the queue its images take.
  bool may_use_high_priority = false;
};

// The tokens of a file, by their SHA-256 digests alone.
class TokenTable;

// Tells who sent a call, by its bearer token when there is a token file. The file has a line for
// each token:
//
//   OWNER TOKEN [high]
//
// The owner is 1 to 64 of [A-Za-z0-9._-], the token 16 to 512 printable ASCII characters without
// spaces; `high` lets its bearer ask for PRIORITY_HIGH. Blank lines, and lines that begin with #,
// say nothing. One owner may have several tokens, so that they can be exchanged one after another.
//
// Thread-safe. No message has a token in it.
class Authenticator {
 public:
  // Lets everybody in, and to high priority: the tenant is the peer's address without its port.
  Authenticator();
  ~Authenticator();

  // Lets in who has one of the tokens in `content`, the bytes of the file at `path`.
  // INVALID_ARGUMENT naming the file, and the line where there is one, for a file that is not
  // readable, breaks the format, gives a token twice, or has no token.
  static absl::StatusOr<std::unique_ptr<Authenticator>> FromFile(
      std::string path, const absl::StatusOr<std::string>& content);

  // Takes the file's tokens in place of those before, or, with FromFile's errors, keeps those. Only
  // for what FromFile made.
  absl::Status Reload(const absl::StatusOr<std::string>& content) ABSL_LOCKS_EXCLUDED(mu_);

  // `authorization` is the value of that metadata, absent when there is none or more than one;
  // `peer` is what gRPC calls the peer. UNAUTHENTICATED without a token of the file, whatever is
  // wrong with it. How long it takes does not depend on how much of a token is right.
  absl::StatusOr<Caller> Identify(std::optional<std::string_view> authorization,
                                  std::string_view peer) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::string path_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const TokenTable> tokens_ ABSL_GUARDED_BY(mu_);  // Null: everybody is let in.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_AUTH_TOKENS_H_
