#include "server/inference/raw_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::Optional;

constexpr int kDraws = 20'000;

std::string Raw(std::initializer_list<int> bytes) {
  std::string raw;
  for (const int byte : bytes) raw.push_back(static_cast<char>(byte));
  return raw;
}

TEST(RawTensorTest, BytesFollowTheirLengthInLittleEndian) {
  const std::string raw = Raw({3, 0, 0, 0, 'a', 0, 'b', 0, 0, 0, 0});
  EXPECT_THAT(UnpackBytes(raw, 2), Optional(ElementsAre(std::string_view("a\0b", 3), "")));
  const std::vector<std::string_view> elements = {std::string_view("a\0b", 3), ""};
  EXPECT_EQ(PackBytes(elements), raw);
}

TEST(RawTensorTest, NumbersAreInLittleEndian) {
  EXPECT_THAT(UnpackNumbers<int32_t>(Raw({1, 2, 0, 0, 255, 255, 255, 255}), 2),
              Optional(ElementsAre(513, -1)));
  EXPECT_THAT(UnpackNumbers<uint64_t>(Raw({0, 0, 0, 0, 0, 0, 0, 128}), 1),
              Optional(ElementsAre(uint64_t{1} << 63)));
  EXPECT_THAT(UnpackNumbers<float>(Raw({0, 0, 240, 64}), 1), Optional(ElementsAre(7.5F)));
  EXPECT_EQ(PackNumbers<uint64_t>(std::vector<uint64_t>{258}), Raw({2, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(RawTensorTest, OtherCountsOfElementsAreRefused) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{3}, SIZE_MAX, SIZE_MAX / 8 + 3}) {
    EXPECT_EQ(UnpackNumbers<uint64_t>(std::string(16, 'x'), count), std::nullopt) << count;
    EXPECT_EQ(UnpackBytes(std::string(8, '\0'), count), std::nullopt) << count;
  }
  EXPECT_EQ(UnpackNumbers<int32_t>(std::string(7, 'x'), 1), std::nullopt);
}

TEST(RawTensorTest, LengthsPastTheEndAreRefused) {
  EXPECT_EQ(UnpackBytes(Raw({4, 0, 0, 0, 'a', 'b', 'c'}), 1), std::nullopt);
  EXPECT_EQ(UnpackBytes(Raw({255, 255, 255, 255, 'a'}), 1), std::nullopt);
  EXPECT_EQ(UnpackBytes(Raw({0, 0, 0}), 1), std::nullopt);
}

// What unpacks must be all of the input and nothing beside it: packing gives it back.
TEST(RawTensorTest, WhateverUnpacksPacksToTheSameBytes) {
  SeededRandom random;
  int unpacked = 0;
  for (int i = 0; i < kDraws; ++i) {
    const size_t count = random.Between(0, 4);
    std::string raw;
    for (size_t k = 0; k < count; ++k) {
      const size_t length = random.Between(0, 5);
      raw += Raw({static_cast<int>(length), 0, 0, 0}) + random.Bytes(length);
    }
    if (random.Between(0, 1) == 0 && !raw.empty()) {
      raw[random.Between(0, raw.size() - 1)] = static_cast<char>(random.Between(0, 255));
    }
    if (random.Between(0, 3) == 0) raw.resize(random.Between(0, raw.size() + 2));
    // On the heap and without room behind it, so that a sanitizer sees a read past the end.
    const std::vector<char> exact(raw.begin(), raw.end());
    const auto elements = UnpackBytes({exact.data(), exact.size()}, count);
    if (!elements) continue;
    ++unpacked;
    ASSERT_EQ(elements->size(), count);
    ASSERT_EQ(PackBytes(*elements), raw);
  }
  EXPECT_GT(unpacked, kDraws / 4);
  EXPECT_LT(unpacked, kDraws);
}

}  // namespace
}  // namespace darkroom
