#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace darkroom {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

void Check(bool holds) {
  if (!holds) std::abort();
}

Key Owned(EVP_PKEY* key) {
  Check(key != nullptr);
  return {key, EVP_PKEY_free};
}

template <typename Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  Check(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string ToPem(const Certificate& certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
}

std::string ToPem(const Key& key) {
  return ToPem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void AddExtension(X509& certificate, int id, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
  Check(extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// All but issuer and signature.
Certificate Unsigned(const std::string& name, const Key& key, absl::Time expiry) {
  static std::atomic<long> serial{1};
  Certificate result(X509_new(), X509_free);
  X509_set_version(result.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(result.get()), serial++);
  ASN1_TIME_set(X509_getm_notBefore(result.get()),
                absl::ToTimeT(std::min(absl::Now(), expiry) - absl::Hours(24)));
  ASN1_TIME_set(X509_getm_notAfter(result.get()), absl::ToTimeT(expiry));
  X509_set_pubkey(result.get(), key.get());
  if (!name.empty()) {
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(result.get()), "CN", MBSTRING_ASC, text, -1,
                               -1, 0);
  }
  return result;
}

void Sign(X509& certificate, const X509& issuer, EVP_PKEY& key) {
  Check(X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer)) == 1);
  Check(X509_sign(&certificate, &key, EVP_sha256()) > 0);
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name)
    : key_(Owned(EVP_EC_gen("P-256"))),
      certificate_(Unsigned(name, key_, absl::Now() + absl::Hours(24))) {
  AddExtension(*certificate_, NID_basic_constraints, "critical,CA:TRUE");
  Sign(*certificate_, *certificate_, *key_);
  pem_ = ToPem(certificate_);
}

IssuedCertificate CertificateAuthority::Issue(const std::string& name, absl::Time expiry) const {
  const Key key = Owned(EVP_EC_gen("P-256"));
  const Certificate certificate = Unsigned(name, key, expiry);
  AddExtension(*certificate, NID_subject_alt_name, "IP:127.0.0.1");
  Sign(*certificate, *certificate_, *key_);
  return {ToPem(certificate), ToPem(key)};
}

std::string Encrypted(const std::string& key, const std::string& password) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), BIO_free);
  const Key parsed = Owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  return ToPem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, parsed.get(), EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
}

IssuedCertificate SelfSignedRsa(unsigned bits) {
  const Key key = Owned(EVP_RSA_gen(bits));
  const Certificate certificate = Unsigned("rsa", key, absl::Now() + absl::Hours(24));
  Sign(*certificate, *certificate, *key);
  return {ToPem(certificate), ToPem(key)};
}

}  // namespace darkroom
