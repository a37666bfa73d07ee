#include "server/trace_context.h"

#include <gtest/gtest.h>

#include <regex>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kHeader[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// The header's grammar in the recommendation, as regular expressions.
std::string Expected(const std::string& header) {
  static const std::regex kOurs("00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}");
  static const std::regex kLater(
      "(?!ff|00)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[^]*)?");
  std::smatch match;
  if (!std::regex_match(header, match, kOurs) && !std::regex_match(header, match, kLater)) {
    return "";
  }
  const std::string trace = match[1];
  if (trace == std::string(32, '0') || match[2] == std::string(16, '0')) return "";
  return trace;
}

TEST(TraceContextTest, AHeaderGivesItsTraceId) {
  EXPECT_EQ(TraceIdOf(kHeader), kTrace);
  EXPECT_EQ(Expected(kHeader), kTrace);
}

TEST(TraceContextTest, LaterVersionsMayHaveMoreBehindAHyphen) {
  const std::string later = "cc" + std::string(kHeader).substr(2);
  EXPECT_EQ(TraceIdOf(later), kTrace);
  EXPECT_EQ(TraceIdOf(later + "-what the future brings"), kTrace);
  EXPECT_EQ(TraceIdOf(later + ".what the future brings"), "");
  EXPECT_EQ(TraceIdOf(kHeader + std::string("-more")), "");
}

TEST(TraceContextTest, AHeaderThatBreaksItsFormatIsIgnored) {
  for (const char* header : {
           "",
           "00",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
       }) {
    EXPECT_EQ(TraceIdOf(header), "") << header;
  }
}

// Takes a header out of shape in a few places, or in none.
std::string DrawHeader(SeededRandom& random) {
  static constexpr char kLikely[] = "0123456789abcdefABCDEFg-- \n\"\x1b";
  std::string header = kHeader;
  if (random.Between(0, 3) == 0) return random.Bytes(random.Between(0, 80));
  const char digit = kLikely[random.Between(0, 15)];
  if (random.Between(0, 2) == 0) header[0] = header[1] = digit;
  if (random.Between(0, 4) == 0) header.replace(3, 32, 32, random.Between(0, 1) ? '0' : digit);
  if (random.Between(0, 4) == 0) header.replace(36, 16, 16, random.Between(0, 1) ? '0' : digit);
  for (size_t changes = random.Between(0, 2); changes > 0; --changes) {
    const size_t at = random.Between(0, header.size() - 1);
    switch (random.Between(0, 3)) {
      case 0: header[at] = kLikely[random.Between(0, sizeof(kLikely) - 2)]; break;
      case 1: header.insert(at, 1, kLikely[random.Between(0, sizeof(kLikely) - 2)]); break;
      case 2: header.erase(at, 1); break;
      default: header[at] = static_cast<char>(random.Between(0, 255));
    }
  }
  if (random.Between(0, 3) == 0) header += absl::StrCat("-", random.Bytes(random.Between(0, 8)));
  return header;
}

TEST(TraceContextTest, DrawnHeadersAreReadAsTheirGrammarSays) {
  SeededRandom random;
  size_t good = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string header = DrawHeader(random);
    const std::string trace = TraceIdOf(header);
    ASSERT_EQ(trace, Expected(header)) << testing::PrintToString(header);
    good += trace.empty() ? 0 : 1;
  }
  EXPECT_GT(good, 1000);
  EXPECT_LT(good, 19'000);
}

}  // namespace
}  // namespace darkroom
