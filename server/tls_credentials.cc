#include "server/tls_credentials.h"

#include <grpc/grpc.h>

#include <utility>

namespace darkroom {

absl::StatusOr<std::shared_ptr<TlsCredentials>> TlsCredentials::Create(TlsPaths paths,
                                                                       const FileContents& contents,
                                                                       Clock& clock) {
  auto result = std::shared_ptr<TlsCredentials>(new TlsCredentials(std::move(paths), clock));
  if (absl::Status status = result->Reload(contents); !status.ok()) return status;
  return result;
}

absl::Status TlsCredentials::Reload(const FileContents& contents) {
  auto identity = MakeTlsIdentity(paths_, contents, clock_.TimeNow());
  if (!identity.ok()) return identity.status();
  auto shared = std::make_shared<const TlsIdentity>(*std::move(identity));
  absl::MutexLock lock(&mu_);
  identity_ = std::move(shared);
  return absl::OkStatus();
}

absl::Time TlsCredentials::expiry() const {
  absl::MutexLock lock(&mu_);
  return identity_->expiry;
}

int TlsCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
  auto port = std::make_unique<Port>(Port{.credentials = this});
  const auto request = paths_.client_ca.empty()
                           ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                           : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &Fetch, port.get()));
  {
    absl::MutexLock lock(&mu_);
    ports_.push_back(std::move(port));
  }
  // Fetches the first identity.
  const int number = grpc_server_add_http2_port(server, address.c_str(), credentials);
  grpc_server_credentials_release(credentials);
  return number;
}

grpc_ssl_certificate_config_reload_status TlsCredentials::Fetch(
    void* port, grpc_ssl_server_certificate_config** config) {
  auto* const asking = static_cast<Port*>(port);
  std::shared_ptr<const TlsIdentity> identity;
  {
    absl::MutexLock lock(&asking->credentials->mu_);
    identity = asking->credentials->identity_;
    if (asking->shown == identity) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    asking->shown = identity;
  }
  const grpc_ssl_pem_key_cert_pair pair = {identity->key.c_str(), identity->certificate.c_str()};
  // Debian's gRPC aborts without any roots. Where no caller is asked for a certificate, they say
  // nothing.
  const std::string& roots =
      identity->client_ca.empty() ? identity->certificate : identity->client_ca;
  *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace darkroom
