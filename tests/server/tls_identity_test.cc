#include "server/tls_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/certificates.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

const TlsPaths kPair = {"tls.crt", "tls.key", ""};
const TlsPaths kMutual = {"tls.crt", "tls.key", "ca.crt"};

auto Refuses(const std::string& path) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path));
}

class TlsIdentityTest : public testing::Test {
 protected:
  absl::StatusOr<TlsIdentity> Make(const FileContents& contents) {
    return MakeTlsIdentity(contents.size() == 3 ? kMutual : kPair, contents, now_);
  }

  const absl::Time now_ = absl::Now();
  const CertificateAuthority authority_{"authority"};
  const IssuedCertificate server_ = authority_.Issue("server");
};

TEST_F(TlsIdentityTest, TakesAPairAsItIs) {
  const absl::Time expiry = absl::FromUnixSeconds(absl::ToUnixSeconds(now_) + 5000);
  const IssuedCertificate pair = authority_.Issue("server", expiry);
  const auto identity = Make({pair.certificate, pair.key});
  ASSERT_OK(identity);
  EXPECT_EQ(identity->certificate, pair.certificate);
  EXPECT_EQ(identity->key, pair.key);
  EXPECT_EQ(identity->client_ca, "");
  EXPECT_EQ(identity->expiry, expiry);
}

TEST_F(TlsIdentityTest, TakesAChainAndSeveralAuthorities) {
  const CertificateAuthority other("other");
  const auto identity =
      Make({absl::StrCat(server_.certificate, authority_.certificate()), server_.key,
            absl::StrCat("a comment\n", authority_.certificate(), other.certificate())});
  EXPECT_OK(identity);
}

TEST_F(TlsIdentityTest, AKeyOfAnotherCertificateIsRefused) {
  const IssuedCertificate other = authority_.Issue("server");
  EXPECT_THAT(Make({server_.certificate, other.key}), Refuses("tls.key: not the key of"));
  EXPECT_THAT(Make({other.certificate, server_.key}), Refuses("tls.key: not the key of"));
}

TEST_F(TlsIdentityTest, ACertificateIsTakenUntilItExpires) {
  const absl::Time expiry = absl::FromUnixSeconds(1'800'000'000);
  const IssuedCertificate pair = authority_.Issue("server", expiry);
  const FileContents contents = {pair.certificate, pair.key};
  EXPECT_OK(MakeTlsIdentity(kPair, contents, expiry - absl::Nanoseconds(1)));
  EXPECT_THAT(MakeTlsIdentity(kPair, contents, expiry), Refuses("tls.crt: the certificate has "));
}

TEST_F(TlsIdentityTest, AFileThatCannotBeReadIsRefusedWithItsReason) {
  const absl::Status gone = absl::NotFoundError("cannot read that file");
  EXPECT_THAT(Make({gone, server_.key}), Refuses("cannot read that file"));
  EXPECT_THAT(Make({server_.certificate, gone}), Refuses("cannot read that file"));
  EXPECT_THAT(Make({server_.certificate, server_.key, gone}), Refuses("cannot read that file"));
}

TEST_F(TlsIdentityTest, FilesWithoutWhatTheyAreForAreRefused) {
  for (const std::string& content : {std::string(), std::string("no PEM at all\n")}) {
    EXPECT_THAT(Make({content, server_.key}), Refuses("tls.crt: "));
    EXPECT_THAT(Make({server_.certificate, content}), Refuses("tls.key: "));
    EXPECT_THAT(Make({server_.certificate, server_.key, content}), Refuses("ca.crt: "));
  }
  EXPECT_THAT(Make({server_.key, server_.key}), Refuses("tls.crt: "));
  EXPECT_THAT(Make({server_.certificate, server_.certificate}), Refuses("tls.key: "));
}

TEST_F(TlsIdentityTest, EveryTruncatedFileIsRefused) {
  SeededRandom random;
  const std::string chain = absl::StrCat(server_.certificate, authority_.certificate());
  for (int i = 0; i < 200; ++i) {
    // Without its last line and some more; but the chain may well end behind its first.
    const auto cut = [&](const std::string& pem, size_t from) {
      return pem.substr(0, random.Between(from, pem.size() - 2));
    };
    EXPECT_THAT(Make({cut(chain, server_.certificate.size() + 30), server_.key}),
                Refuses("tls.crt: "));
    EXPECT_THAT(Make({cut(server_.certificate, 0), server_.key}), Refuses("tls.crt: "));
    EXPECT_THAT(Make({server_.certificate, cut(server_.key, 0)}), Refuses("tls.key: "));
    EXPECT_THAT(Make({server_.certificate, server_.key, cut(authority_.certificate(), 0)}),
                Refuses("ca.crt: "));
  }
}

TEST_F(TlsIdentityTest, AnEncryptedKeyIsRefusedWithoutAskingForItsPassword) {
  const std::string encrypted = Encrypted(server_.key, "password");
  ASSERT_THAT(encrypted, HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
  EXPECT_THAT(Make({server_.certificate, encrypted}), Refuses("tls.key: "));
}

TEST_F(TlsIdentityTest, AKeyTooShortForTlsIsRefused) {
  const IssuedCertificate weak = SelfSignedRsa(512);
  EXPECT_THAT(Make({weak.certificate, weak.key}), Refuses("tls.crt: "));
  const IssuedCertificate strong = SelfSignedRsa(2048);
  EXPECT_OK(Make({strong.certificate, strong.key}));
}

TEST_F(TlsIdentityTest, NoMessageHasAKeyInIt) {
  const std::string secret = server_.key.substr(40, 20);
  const IssuedCertificate other = authority_.Issue("server");
  for (const FileContents& contents :
       {FileContents{other.certificate, server_.key}, FileContents{server_.key, server_.key},
        FileContents{server_.certificate, server_.key.substr(0, server_.key.size() - 30)}}) {
    const auto identity = Make(contents);
    ASSERT_FALSE(identity.ok());
    EXPECT_THAT(std::string(identity.status().message()), testing::Not(HasSubstr(secret)));
  }
}

TEST(TlsPathsTest, AllHasTheClientCaWhereThereIsOne) {
  EXPECT_THAT(kPair.All(), testing::ElementsAre("tls.crt", "tls.key"));
  EXPECT_THAT(kMutual.All(), testing::ElementsAre("tls.crt", "tls.key", "ca.crt"));
}

}  // namespace
}  // namespace darkroom
