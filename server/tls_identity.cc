#include "server/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

absl::Status Refused(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

// OpenSSL's own words for what it did not take.
std::string OpenSslReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != nullptr ? reason : "unknown reason";
}

Bio Open(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// An encrypted key is refused; OpenSSL's own callback would ask on the terminal.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

absl::StatusOr<std::vector<Certificate>> ParseCertificates(const std::string& path,
                                                           const std::string& pem) {
  const Bio bio = Open(pem);
  std::vector<Certificate> certificates;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(next);
  }
  const unsigned long end = ERR_peek_last_error();
  if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return Refused(path, absl::StrCat("no valid certificate: ", OpenSslReason()));
  }
  ERR_clear_error();
  if (certificates.empty()) return Refused(path, "no certificate in it");
  return certificates;
}

absl::StatusOr<absl::Time> ExpiryOf(const std::string& path, const X509& certificate) {
  std::tm utc = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &utc) != 1) {
    return Refused(path, "the certificate has no valid end");
  }
  return absl::FromTM(utc, absl::UTCTimeZone());
}

// What gRPC will do with the pair, so that nothing is taken that it would refuse.
absl::Status CheckPair(const TlsPaths& paths, const std::vector<Certificate>& chain,
                       const std::string& key_pem) {
  const PrivateKey key(PEM_read_bio_PrivateKey(Open(key_pem).get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return Refused(paths.key, absl::StrCat("no valid unencrypted private key: ", OpenSslReason()));
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Refused(paths.key,
                   absl::StrCat("not the key of the certificate in ", paths.certificate));
  }
  const SslContext context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) return absl::InternalError(OpenSslReason());
  if (SSL_CTX_use_certificate(context.get(), chain.front().get()) != 1) {
    return Refused(paths.certificate, OpenSslReason());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1) {
      return Refused(paths.certificate, OpenSslReason());
    }
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return Refused(paths.key, OpenSslReason());
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> TlsPaths::All() const {
  std::vector<std::string> all = {certificate, key};
  if (!client_ca.empty()) all.push_back(client_ca);
  return all;
}

absl::StatusOr<TlsIdentity> MakeTlsIdentity(const TlsPaths& paths, const FileContents& contents,
                                            absl::Time now) {
  // gRPC's own use of OpenSSL on this thread must not find our errors.
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  ERR_clear_error();
  for (const absl::StatusOr<std::string>& content : contents) {
    if (!content.ok()) return absl::InvalidArgumentError(content.status().message());
  }
  TlsIdentity identity{.certificate = *contents[0], .key = *contents[1]};
  const auto chain = ParseCertificates(paths.certificate, identity.certificate);
  if (!chain.ok()) return chain.status();
  const auto expiry = ExpiryOf(paths.certificate, *chain->front());
  if (!expiry.ok()) return expiry.status();
  identity.expiry = *expiry;
  if (identity.expiry <= now) {
    return Refused(paths.certificate,
                   absl::StrCat("the certificate has expired at ",
                                absl::FormatTime(identity.expiry, absl::UTCTimeZone())));
  }
  if (absl::Status status = CheckPair(paths, *chain, identity.key); !status.ok()) return status;
  if (!paths.client_ca.empty()) {
    identity.client_ca = *contents[2];
    const auto authorities = ParseCertificates(paths.client_ca, identity.client_ca);
    if (!authorities.ok()) return authorities.status();
  }
  return identity;
}

}  // namespace darkroom
