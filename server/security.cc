#include "server/security.h"

#include <utility>
#include <vector>

#include "server/logging.h"

namespace darkroom {
namespace {

void Report(const char* what, const absl::Status& status) {
  if (status.ok()) return LogEvent(LogLevel::kInfo, "reloaded", {{"what", what}});
  LogEvent(LogLevel::kError, "reload_failed",
           {{"what", what}, {"error", std::string(status.message())}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Security>> Security::Open(const ServerOptions& options, Clock& clock,
                                                         Metrics& metrics) {
  auto security = std::unique_ptr<Security>(new Security);
  std::vector<WatchedFiles> watched;
  if (absl::Status s = security->OpenTokens(options.auth_token_file, watched, metrics); !s.ok()) {
    return s;
  }
  if (absl::Status s = security->OpenTls(options.tls, watched, clock, metrics); !s.ok()) return s;
  if (!options.auth_token_file.empty() && security->tls_ == nullptr) {
    LogEvent(LogLevel::kWarning, "tokens_in_plaintext");
  }
  if (!watched.empty()) {
    security->watcher_ = std::make_unique<FileWatcher>(std::move(watched), clock);
  }
  return security;
}

std::shared_ptr<grpc::ServerCredentials> Security::credentials() const {
  if (tls_ == nullptr) return grpc::InsecureServerCredentials();
  return tls_;
}

absl::Status Security::OpenTokens(const std::string& path, std::vector<WatchedFiles>& watched,
                                  Metrics& metrics) {
  if (path.empty()) {
    authenticator_ = std::make_unique<Authenticator>();
    return absl::OkStatus();
  }
  FileContents contents = ReadFiles({path});
  auto authenticator = Authenticator::FromFile(path, contents.front());
  if (!authenticator.ok()) return authenticator.status();
  authenticator_ = *std::move(authenticator);
  watched.push_back({.paths = {path},
                     .known = std::move(contents),
                     .on_change = [&metrics, a = authenticator_.get()](const FileContents& files) {
                       const absl::Status status = a->Reload(files.front());
                       metrics.state.OnTokensReloaded(status.ok());
                       Report("tokens", status);
                     }});
  return absl::OkStatus();
}

absl::Status Security::OpenTls(const TlsOptions& options, std::vector<WatchedFiles>& watched,
                               Clock& clock, Metrics& metrics) {
  if (options.cert_file.empty()) return absl::OkStatus();
  const TlsPaths paths = {.certificate = options.cert_file,
                          .key = options.key_file,
                          .client_ca = options.client_ca_file};
  FileContents contents = ReadFiles(paths.All());
  auto credentials = TlsCredentials::Create(paths, contents, clock);
  if (!credentials.ok()) return credentials.status();
  tls_ = *std::move(credentials);
  metrics.state.SetCertificateExpiry(tls_->expiry());
  watched.push_back({.paths = paths.All(),
                     .known = std::move(contents),
                     .on_change = [&metrics, tls = tls_.get()](const FileContents& files) {
                       const absl::Status status = tls->Reload(files);
                       metrics.state.OnTlsReloaded(status.ok());
                       metrics.state.SetCertificateExpiry(tls->expiry());
                       Report("tls", status);
                     }});
  return absl::OkStatus();
}

}  // namespace darkroom
