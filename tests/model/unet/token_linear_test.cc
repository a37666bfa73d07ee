// What float8 may cost: rounding once on each side of a product, and nothing else. The oracle is
// torch's product of the exact values.

#include "model/unet/token_linear.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <tuple>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

// Half a unit in the last of e4m3's four significant bits.
constexpr double kRounding = 1.0 / 16;

class TokenLinearTest : public testing::Test {
 protected:
  void SetUp() override { at::manual_seed(random_.Bits()); }

  int64_t Multiple(int64_t factor) { return factor * static_cast<int64_t>(random_.Between(1, 9)); }

  const c10::InferenceMode inference_;
  SeededRandom random_;
};

TEST_F(TokenLinearTest, AnyValueIsRoundedByAtMostASixteenthOfItself) {
  // Rows of very different magnitudes.
  const at::Tensor rows = at::randn({50, 64}) * at::exp(at::randn({50, 1}) * 3);
  const Float8Rows rounded = RoundToFloat8(rows);
  const at::Tensor restored = rounded.values.to(at::kDouble) * rounded.scales.to(at::kDouble);
  const at::Tensor exact = rows.to(at::kDouble);
  // Below 2^-6 float8 has no more than a step of 2^-9.
  const at::Tensor bound =
      at::maximum(exact.abs() * kRounding, rounded.scales.to(at::kDouble) / 512);
  EXPECT_TRUE(((restored - exact).abs() <= bound * 1.0001).all().item<bool>());
  EXPECT_EQ(rounded.values.to(at::kFloat).abs().amax(-1).min().item<float>(), Float8Rows::kLargest);
}

TEST_F(TokenLinearTest, AProductIsOffByNoMoreThanItsRoundedFactorsAllow) {
  for (int round = 0; round < 10; ++round) {
    const int64_t in = Multiple(16), out = Multiple(16);
    const at::Tensor x = at::randn({2, 5, in}), weight = at::randn({out, in});
    const at::Tensor bias = random_.Between(0, 1) == 1 ? at::randn({out}) : at::Tensor();
    const at::Tensor exact = at::linear(x, weight, bias);
    const at::Tensor off = TokenLinear(weight, bias, /*float8=*/true).Forward(x) - exact;
    EXPECT_EQ(off.sizes(), exact.sizes());
    // Each product of two numbers is off by 1/16 twice at most, and steps below 2^-6 on top.
    const at::Tensor bound = at::linear(x.abs(), weight.abs()) * (2 * kRounding + 0.01);
    EXPECT_TRUE((off.abs() <= bound).all().item<bool>());
    EXPECT_GT(off.abs().max().item<float>(), 0);
  }
}

TEST_F(TokenLinearTest, ARowIsRoundedAlikeWhateverIsBesideIt) {
  const at::Tensor alone = at::randn({7, 32}), loud = at::randn({7, 32}) * 1e4;
  const Float8Rows among = RoundToFloat8(at::cat({loud, alone, loud}));
  const Float8Rows rounded = RoundToFloat8(alone);
  EXPECT_TRUE(among.scales.slice(0, 7, 14).equal(rounded.scales));
  EXPECT_TRUE(among.values.slice(0, 7, 14).to(at::kFloat).equal(rounded.values.to(at::kFloat)));
}

TEST_F(TokenLinearTest, OddWidthsAndFloat8UnaskedForAreExact) {
  for (const auto& [in, out, float8] :
       {std::tuple{20, 32, true}, std::tuple{32, 20, true}, std::tuple{32, 32, false}}) {
    const at::Tensor x = at::randn({3, in}), weight = at::randn({out, in}), bias = at::randn({out});
    EXPECT_TRUE(TokenLinear(weight, bias, float8).Forward(x).equal(at::linear(x, weight, bias)));
  }
}

TEST_F(TokenLinearTest, ZerosStayZerosAndWhatIsNoNumberStaysNone) {
  const TokenLinear layer(at::randn({16, 16}), {}, /*float8=*/true);
  at::Tensor x = at::zeros({3, 16});
  x[1][4] = std::numeric_limits<float>::quiet_NaN();
  x[2][4] = std::numeric_limits<float>::infinity();
  const at::Tensor y = layer.Forward(x);
  EXPECT_TRUE(y[0].equal(at::zeros({16})));
  EXPECT_FALSE(y[1].isfinite().any().item<bool>());
  EXPECT_FALSE(y[2].isfinite().any().item<bool>());
}

}  // namespace
}  // namespace darkroom
