#include "server/auth_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPath[] = "tokens.txt";
constexpr char kPeer[] = "ipv4:10.0.0.7:5";
constexpr char kToken[] = "0123456789abcdef";

auto RefusesLine(int line) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  HasSubstr(absl::StrCat(kPath, ": line ", line, ": ")));
}

std::string Draw(SeededRandom& random, size_t least, size_t most, const std::string& letters) {
  std::string text(random.Between(least, most), '\0');
  for (char& letter : text) letter = letters[random.Between(0, letters.size() - 1)];
  return text;
}

std::string Printable() {
  std::string letters;
  for (char c = '!'; c <= '~'; ++c) letters += c;
  return letters;
}

std::unique_ptr<Authenticator> Make(const std::string& content) {
  auto result = Authenticator::FromFile(kPath, content);
  EXPECT_OK(result);
  return result.ok() ? *std::move(result) : nullptr;
}

void ExpectRefused(const Authenticator& authenticator,
                   std::optional<std::string_view> authorization) {
  EXPECT_THAT(authenticator.Identify(authorization, kPeer),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("Bearer TOKEN")))
      << authorization.value_or("(none)");
}

TEST(AuthenticatorTest, WithoutAFileEverybodyIsATenantByAddressAndMayUseHighPriority) {
  const Authenticator authenticator;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ipv4:10.0.0.7:5", "ipv4:10.0.0.7"},
      {"ipv6:%5B::1%5D:51234", "ipv6:%5B::1%5D"},
      {"ipv6:[fe80::1%25eth0]:9", "ipv6:[fe80::1%25eth0]"},
      {"unix:", "unix:"},
      {"unix:/run/a:1", "unix:/run/a:1"},
  };
  for (const auto& [peer, tenant] : cases) {
    for (const std::optional<std::string_view> value :
         {std::optional<std::string_view>(), std::optional<std::string_view>("Bearer whatever")}) {
      const auto caller = authenticator.Identify(value, peer);
      ASSERT_OK(caller);
      EXPECT_EQ(caller->tenant, tenant);
      EXPECT_TRUE(caller->may_use_high_priority);
    }
  }
}

TEST(AuthenticatorTest, DrawnTokensNameTheirOwnersAndNearMissesNobody) {
  SeededRandom random;
  const std::string owner_letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  struct Drawn {
    std::string owner, token;
    bool high;
  };
  std::vector<Drawn> drawn;
  std::string file = "# owners and tokens\n\n";
  for (int i = 0; i < 200; ++i) {
    drawn.push_back({Draw(random, 1, 64, owner_letters), Draw(random, 16, 512, Printable()),
                     random.Between(0, 1) == 1});
    const Drawn& last = drawn.back();
    const std::string space = Draw(random, 1, 3, " \t");
    absl::StrAppend(&file, Draw(random, 0, 2, " \t"), last.owner, space, last.token,
                    last.high ? space + "high" : "", Draw(random, 0, 2, " \t\r"), "\n");
  }
  const auto authenticator = Make(file);
  ASSERT_NE(authenticator, nullptr);
  for (const Drawn& one : drawn) {
    const std::string value = absl::StrCat("Bearer ", one.token);
    const auto caller = authenticator->Identify(value, kPeer);
    ASSERT_OK(caller);
    EXPECT_EQ(caller->tenant, one.owner);
    EXPECT_EQ(caller->may_use_high_priority, one.high);
    std::string other = value;
    char& changed = other[random.Between(7, other.size() - 1)];
    changed = static_cast<char>(changed ^ (1 << random.Between(0, 6)));
    ExpectRefused(*authenticator, other);
    ExpectRefused(*authenticator, value.substr(0, value.size() - 1));
    ExpectRefused(*authenticator, value + "x");
  }
}

TEST(AuthenticatorTest, TheSchemeHasAnyCaseAndSpacesMayFollowIt) {
  const auto authenticator = Make(absl::StrCat("me ", kToken, "\n"));
  ASSERT_NE(authenticator, nullptr);
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "bEaReR   "}) {
    EXPECT_OK(authenticator->Identify(absl::StrCat(scheme, kToken), kPeer)) << scheme;
  }
}

TEST(AuthenticatorTest, NoIllFormedOrUnknownAuthorizationIsLetIn) {
  const auto authenticator = Make(absl::StrCat("me ", kToken, "\n"));
  ASSERT_NE(authenticator, nullptr);
  ExpectRefused(*authenticator, std::nullopt);
  const std::string token = kToken;
  const std::vector<std::string> values = {"",
                                           "Bearer",
                                           "Bearer ",
                                           token,
                                           " " + token,
                                           "Bearer" + token,
                                           "Bearer\t" + token,
                                           " Bearer " + token,
                                           "Bearer " + token + " ",
                                           "Basic " + token,
                                           "Bearer " + token + "," + token,
                                           "Bearer me",
                                           std::string(9000, ' '),
                                           "Bearer " + std::string(9000, 'x'),
                                           "Bearer " + token + std::string(1, '\0')};
  for (const std::string& value : values) {
    ExpectRefused(*authenticator, value);
  }
}

TEST(AuthenticatorTest, OneOwnerMayHaveSeveralTokens) {
  const auto authenticator =
      Make("me before-before-before\nme after-after-after high\nyou yours-yours-yours\n");
  ASSERT_NE(authenticator, nullptr);
  const auto before = authenticator->Identify("Bearer before-before-before", kPeer);
  const auto after = authenticator->Identify("Bearer after-after-after", kPeer);
  ASSERT_OK(before);
  ASSERT_OK(after);
  EXPECT_EQ(before->tenant, "me");
  EXPECT_FALSE(before->may_use_high_priority);
  EXPECT_EQ(after->tenant, "me");
  EXPECT_TRUE(after->may_use_high_priority);
}

TEST(AuthenticatorTest, ALineThatBreaksTheFormatIsNamedByItsNumberAndNotItsToken) {
  const std::string token(kToken), longest(512, 'x'), owner(64, 'o');
  for (const std::string& good :
       {"me " + token, owner + " " + token, "me " + longest, "a.b_c-9 " + token + " high",
        "  me\t" + token + "\r", "me #" + token, "high " + token}) {
    EXPECT_OK(Authenticator::FromFile(kPath, good)) << good;
  }
  for (const std::string& bad :
       {token, "me " + token.substr(1), "me " + longest + "x", owner + "o " + token, "m@e " + token,
        "m\xc3\xa9 " + token, "me " + token + "\xc3\xa9", "me " + token + "\x7f",
        "me " + token + " High", "me " + token + " low", "me " + token + " high high",
        "me " + token + std::string(1, '\0'), "me " + token + " # mine"}) {
    const auto refused = Authenticator::FromFile(kPath, "# first\n\n" + bad + "\n");
    EXPECT_THAT(refused, RefusesLine(3)) << bad;
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr(token.substr(1)))) << bad;
  }
}

TEST(AuthenticatorTest, ATokenGivenTwiceIsRefusedWhoeverOwnsIt) {
  for (const char* owner : {"me", "you"}) {
    const auto refused = Authenticator::FromFile(
        kPath, absl::StrCat("me ", kToken, "\nme other-other-other\n", owner, " ", kToken, "\n"));
    EXPECT_THAT(refused, RefusesLine(3));
    EXPECT_THAT(std::string(refused.status().message()),
                AllOf(HasSubstr("line 1"), Not(HasSubstr(kToken))));
  }
}

TEST(AuthenticatorTest, AFileWithoutATokenOrThatCannotBeReadIsRefused) {
  for (const char* content : {"", "\n\n", "# me 0123456789abcdef\n"}) {
    EXPECT_THAT(Authenticator::FromFile(kPath, std::string(content)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(kPath)));
  }
  EXPECT_THAT(Authenticator::FromFile(kPath, absl::NotFoundError("cannot read tokens.txt")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot read tokens.txt")));
}

TEST(AuthenticatorTest, ReloadExchangesTheTokensAndABadFileKeepsThem) {
  const auto authenticator = Make("me before-before-before\n");
  ASSERT_NE(authenticator, nullptr);
  EXPECT_THAT(authenticator->Reload(std::string("me short\n")), RefusesLine(1));
  EXPECT_THAT(authenticator->Reload(absl::NotFoundError("gone")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(authenticator->Identify("Bearer before-before-before", kPeer));
  ASSERT_OK(authenticator->Reload(std::string("me after-after-after\n")));
  ExpectRefused(*authenticator, "Bearer before-before-before");
  EXPECT_OK(authenticator->Identify("Bearer after-after-after", kPeer));
}

TEST(AuthenticatorTest, CallersAreIdentifiedWhileTheFileIsExchanged) {
  const auto authenticator = Make(absl::StrCat("me ", kToken, "\n"));
  ASSERT_NE(authenticator, nullptr);
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!done) {
        const auto caller = authenticator->Identify(absl::StrCat("Bearer ", kToken), kPeer);
        EXPECT_OK(caller);
        ++calls;
      }
    });
  }
  for (int i = 0; calls < 1000; ++i) {
    EXPECT_OK(
        authenticator->Reload(absl::StrCat("me ", kToken, "\nyou a-token-with-number-", i, "\n")));
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace darkroom
