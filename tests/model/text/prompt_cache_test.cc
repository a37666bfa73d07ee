// A prompt's embedding is made once, and never depends on when.

#include "model/text/prompt_cache.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

PromptTexts Texts(size_t number, int clip_skip = 0) {
  const std::string text = absl::StrCat("picture ", number);
  return {text, text, clip_skip};
}

bool AreSameTensors(const PromptEmbedding& a, const PromptEmbedding& b) {
  return a.tokens.is_same(b.tokens) && a.pooled.is_same(b.pooled);
}

bool HaveSameBits(const PromptEmbedding& a, const PromptEmbedding& b) {
  return a.tokens.equal(b.tokens) && a.pooled.equal(b.pooled);
}

class PromptCacheTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto loaded =
        PromptEncoder::Load("models/emoji", at::TensorOptions(at::kCPU).dtype(at::kFloat));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    encoder_ = *std::move(loaded);
  }

  static PromptEmbedding EncodeAlone(const PromptTexts& texts) {
    return encoder_->Encode({&texts, 1}).front();
  }

  static inline std::optional<PromptEncoder> encoder_;
  const c10::InferenceMode inference_;
  PromptCache cache_{*encoder_, /*one_by_one=*/true};
  SeededRandom random_;
};

TEST_F(PromptCacheTest, AnyPromptsInAnyOrderAreEncodedAsTheyWouldBeAlone) {
  for (int round = 0; round < 20; ++round) {
    std::vector<PromptTexts> prompts(random_.Between(0, 8));
    for (PromptTexts& texts : prompts) {
      texts = Texts(random_.Between(0, 99), static_cast<int>(random_.Between(0, 1)));
    }
    const std::vector<PromptEmbedding> encoded = cache_.Encode(prompts);
    ASSERT_EQ(encoded.size(), prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_TRUE(HaveSameBits(encoded[i], EncodeAlone(prompts[i]))) << prompts[i].first;
    }
  }
}

TEST_F(PromptCacheTest, APromptIsEncodedOnceInACallAndAmongCalls) {
  const std::vector<PromptTexts> prompts = {Texts(1), Texts(2), Texts(1)};
  const std::vector<PromptEmbedding> encoded = cache_.Encode(prompts);
  EXPECT_TRUE(AreSameTensors(encoded[0], encoded[2]));
  EXPECT_FALSE(AreSameTensors(encoded[0], encoded[1]));
  EXPECT_TRUE(AreSameTensors(cache_.Encode({&prompts[1], 1}).front(), encoded[1]));
  EXPECT_TRUE(AreSameTensors(cache_.zeros(), cache_.zeros()));
}

TEST_F(PromptCacheTest, WhatWasNotAskedForLongestIsForgottenFirst) {
  const PromptTexts kept = Texts(1), forgotten = Texts(2);
  const PromptEmbedding kept_before = cache_.Encode({&kept, 1}).front();
  const PromptEmbedding forgotten_before = cache_.Encode({&forgotten, 1}).front();
  for (size_t others = 0; others < PromptCache::kCapacity - 1; ++others) {
    const PromptTexts other = Texts(100 + others);
    cache_.Encode({&other, 1});
    EXPECT_TRUE(AreSameTensors(cache_.Encode({&kept, 1}).front(), kept_before));
  }
  const PromptEmbedding forgotten_after = cache_.Encode({&forgotten, 1}).front();
  EXPECT_FALSE(AreSameTensors(forgotten_after, forgotten_before));
  EXPECT_TRUE(HaveSameBits(forgotten_after, forgotten_before));
}

TEST_F(PromptCacheTest, ACallMayHaveMorePromptsThanAreKept) {
  std::vector<PromptTexts> prompts;
  for (size_t i = 0; i < PromptCache::kCapacity + 3; ++i) prompts.push_back(Texts(i));
  PromptCache together(*encoder_, /*one_by_one=*/false);
  const std::vector<PromptEmbedding> encoded = together.Encode(prompts);
  ASSERT_EQ(encoded.size(), prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const PromptEmbedding alone = EncodeAlone(prompts[i]);
    EXPECT_TRUE(encoded[i].tokens.allclose(alone.tokens, 1e-4, 1e-4)) << i;
    EXPECT_TRUE(encoded[i].pooled.allclose(alone.pooled, 1e-4, 1e-4)) << i;
  }
}

}  // namespace
}  // namespace darkroom
