#include "client/cli/text.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

std::string Encode(uint32_t code) {
  const auto tail = [code](int shift) {
    return static_cast<char>(0x80 | ((code >> shift) & 0x3F));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | (code >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

TEST(TextTest, EveryCodePointButSurrogatesIsUtf8) {
  for (uint32_t code = 0; code < 0x120000; ++code) {
    const bool valid = code < 0x110000 && (code < 0xD800 || code >= 0xE000);
    ASSERT_EQ(IsUtf8(absl::StrCat("a", Encode(code), "b")), valid) << std::hex << code;
  }
}

TEST(TextTest, OverlongAndCutCharactersAreNotUtf8) {
  for (const std::string text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xE2\x82",
                                 "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82g"}) {
    EXPECT_FALSE(IsUtf8(text)) << ::testing::PrintToString(text);
  }
}

TEST(TextTest, TerminalsSeeOneLineWithoutCommands) {
  EXPECT_EQ(ForTerminal("a\nb\x1b[2Jc\x7f\td"), "a b [2Jc  d");
  EXPECT_EQ(ForTerminal("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(TextTest, ShorteningNeverHalvesACharacter) {
  EXPECT_EQ(Shortened("apple", 5), "apple");
  EXPECT_EQ(Shortened("apples", 5), "apple...");
  SeededRandom random;
  for (int i = 0; i < 1000; ++i) {
    std::string text;
    while (text.size() < 60) text += Encode(random.Between(1, 0xD7FF));
    const size_t limit = random.Between(0, 60);
    const std::string shortened = Shortened(text, limit);
    EXPECT_TRUE(IsUtf8(shortened));
    EXPECT_LE(shortened.size(), limit + 3 + (limit >= text.size()));
  }
}

}  // namespace
}  // namespace darkroom
