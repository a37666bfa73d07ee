#ifndef DARKROOM_SERVER_TLS_CREDENTIALS_H_
#define DARKROOM_SERVER_TLS_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"
#include "server/tls_identity.h"

namespace darkroom {

// Credentials of a server that speaks TLS 1.2 or later, whose certificate, key and client CA can be
// exchanged while it serves: handshakes from then on use those after, open connections keep on.
// With a client CA, a caller without a certificate that it signed fails in the handshake.
//
// Reload and expiry are thread-safe. The object outlives every gRPC server with a port of it: gRPC
// calls back into it at each handshake.
//
// One port should be one socket, so not a name of several addresses: of two sockets of a port,
// gRPC 1.51 may let one use a pair while the other replaces it. Nor with GRPC_ARG_ALLOW_REUSEPORT.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  // Begins with `contents`, what ReadFiles gave of `paths.All()`. MakeTlsIdentity's errors. The
  // clock is borrowed, and tells whether a certificate has expired.
  static absl::StatusOr<std::shared_ptr<TlsCredentials>> Create(TlsPaths paths,
                                                                const FileContents& contents,
                                                                Clock& clock);

  // Takes the contents in place of those before, or, with MakeTlsIdentity's errors, keeps those.
  absl::Status Reload(const FileContents& contents) ABSL_LOCKS_EXCLUDED(mu_);

  // When the certificate that is shown expires.
  absl::Time expiry() const ABSL_LOCKS_EXCLUDED(mu_);

  // Has no effect: callers prove who they are to the service.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  // gRPC asks once for each port whether there is another identity.
  struct Port {
    TlsCredentials* credentials;
    std::shared_ptr<const TlsIdentity> shown;  // Guarded by the credentials' mu_.
  };

  TlsCredentials(TlsPaths paths, Clock& clock) : paths_(std::move(paths)), clock_(clock) {}

  int AddPortToServer(const std::string& address, grpc_server* server) override
      ABSL_LOCKS_EXCLUDED(mu_);
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* port, grpc_ssl_server_certificate_config** config);

  const TlsPaths paths_;
  Clock& clock_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const TlsIdentity> identity_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Port>> ports_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_TLS_CREDENTIALS_H_
