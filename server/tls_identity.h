#ifndef DARKROOM_SERVER_TLS_IDENTITY_H_
#define DARKROOM_SERVER_TLS_IDENTITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/file_watcher.h"

namespace darkroom {

// The PEM files of a server that speaks TLS.
struct TlsPaths {
  std::string certificate;  // The server's, and after it those that lead to a root.
  std::string key;
  std::string client_ca;  // Who signs the certificates of callers; empty: callers need none.

  // For ReadFiles: certificate, key, and the client CA where there is one.
  std::vector<std::string> All() const;
};

// What a server shows its callers, and whom it believes. PEM.
struct TlsIdentity {
  std::string certificate;
  std::string key;
  std::string client_ca;
  absl::Time expiry;  // Of the server's own certificate.
};

// The identity in `contents`, which ReadFiles gave of `paths.All()`. INVALID_ARGUMENT naming the
// file that cannot be read, has no certificate or key in it, or that OpenSSL does not take at its
// usual security level; whose key is not the certificate's; whose certificate has expired at `now`.
absl::StatusOr<TlsIdentity> MakeTlsIdentity(const TlsPaths& paths, const FileContents& contents,
                                            absl::Time now);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_TLS_IDENTITY_H_
