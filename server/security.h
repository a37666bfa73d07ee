#ifndef DARKROOM_SERVER_SECURITY_H_
#define DARKROOM_SERVER_SECURITY_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "batcher/clock.h"
#include "server/auth_tokens.h"
#include "server/file_watcher.h"
#include "server/metrics/metrics.h"
#include "server/server_options.h"
#include "server/tls_credentials.h"

namespace darkroom {

// Who may call, and how connections are kept: tokens and certificates, from files that are read
// again when they change. A bad new file leaves what there was, and is logged and counted.
class Security {
 public:
  // Clock and metrics are borrowed and outlive it. INVALID_ARGUMENT naming the file that is wrong.
  static absl::StatusOr<std::unique_ptr<Security>> Open(const ServerOptions& options, Clock& clock,
                                                        Metrics& metrics);

  const Authenticator& authenticator() const { return *authenticator_; }
  // Of the servers, which it outlives.
  std::shared_ptr<grpc::ServerCredentials> credentials() const;

 private:
  Security() = default;

  absl::Status OpenTokens(const std::string& path, std::vector<WatchedFiles>& watched,
                          Metrics& metrics);
  absl::Status OpenTls(const TlsOptions& options, std::vector<WatchedFiles>& watched, Clock& clock,
                       Metrics& metrics);

  std::unique_ptr<Authenticator> authenticator_;
  std::shared_ptr<TlsCredentials> tls_;   // Null: plaintext.
  std::unique_ptr<FileWatcher> watcher_;  // Last, for it calls the others.
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_SECURITY_H_
