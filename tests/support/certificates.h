#ifndef DARKROOM_TESTS_SUPPORT_CERTIFICATES_H_
#define DARKROOM_TESTS_SUPPORT_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace darkroom {

// A certificate with its private key, PEM.
struct IssuedCertificate {
  std::string certificate;
  std::string key;
};

// Signs certificates with a key of its own. Aborts on OpenSSL's errors.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);

  // The authority's own certificate, PEM.
  const std::string& certificate() const { return pem_; }

  // A certificate for 127.0.0.1 with a fresh key, valid until `expiry`, in whole seconds. An empty
  // name leaves the subject empty.
  IssuedCertificate Issue(const std::string& name,
                          absl::Time expiry = absl::Now() + absl::Hours(24)) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  std::string pem_;
};

// The private key, PEM, encrypted with the password.
std::string Encrypted(const std::string& key, const std::string& password);

// An RSA key of so many bits with a certificate that it signed itself.
IssuedCertificate SelfSignedRsa(unsigned bits);

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_CERTIFICATES_H_
