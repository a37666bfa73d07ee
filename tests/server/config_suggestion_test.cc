#include "server/config_suggestion.h"

#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

const std::vector<std::string> kNames = {"batch-window", "max-queued-images", "model"};

// The name with one letter left out, doubled, replaced, or swapped with the next.
std::string Mistype(const std::string& name, SeededRandom& random) {
  std::string typed = name;
  const size_t at = random.Between(0, name.size() - 2);
  switch (random.Between(0, 3)) {
    case 0: return typed.erase(at, 1);
    case 1: return typed.insert(at, 1, typed[at]);
    case 2: typed[at] = '!'; return typed;
    default: std::swap(typed[at], typed[at + 1]); return typed;
  }
}

TEST(SuggestNameTest, ATypingErrorLeadsToTheNameThatWasMeant) {
  SeededRandom random;
  for (int round = 0; round < 1000; ++round) {
    const std::string& name = kNames[random.Between(0, kNames.size() - 1)];
    EXPECT_EQ(SuggestName(Mistype(name, random), kNames), name);
  }
}

TEST(SuggestNameTest, WhatIsLikeNoNameLeadsNowhere) {
  for (const std::string& given : {std::string(), std::string("m"), std::string("batch"),
                                   std::string("listen"), std::string(1 << 20, 'x')}) {
    EXPECT_EQ(SuggestName(given, kNames), std::nullopt);
  }
}

TEST(SuggestNameTest, TheClosestIsTaken) {
  EXPECT_EQ(SuggestName("max-queued-pixel", {"max-queued-images", "max-queued-pixels"}),
            "max-queued-pixels");
}

}  // namespace
}  // namespace darkroom
