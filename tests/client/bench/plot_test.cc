#include "client/cli/bench/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/bench/axis.h"
#include "client/cli/bench/svg.h"
#include "tests/client/bench/sample_run.h"

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

size_t CountOf(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(AxisTest, EndsAtARoundNumberWithFewTicks) {
  EXPECT_THAT(Axis(4.2, 0, 1).ticks(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Axis(100, 0, 1).ticks(), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(Axis(61, 0, 1).ticks(), ElementsAre(0, 20, 40, 60, 80));
  EXPECT_DOUBLE_EQ(Axis(0.013, 0, 1).end(), 0.015);
  for (double most : {1e-9, 0.3, 1.0, 7.7, 999.0, 86400.0}) {
    const Axis axis(most, 0, 1);
    EXPECT_GE(axis.end(), most * (1 - 1e-9));
    EXPECT_LE(axis.end(), most * 2);
    EXPECT_LE(axis.ticks().size(), 6u);
  }
}

TEST(AxisTest, NothingStillHasAnAxis) { EXPECT_EQ(Axis(0, 0, 1).end(), 1); }

TEST(AxisTest, ValuesGrowFromFirstToLast) {
  const Axis upwards(10, 400, 100);
  EXPECT_EQ(upwards.At(0), 400);
  EXPECT_EQ(upwards.At(10), 100);
  EXPECT_EQ(upwards.At(5), 250);
}

TEST(SvgTest, TextIsNoMarkup) {
  Svg svg(10, 10);
  svg.Text({1, 1}, "<b> & \"c\"");
  svg.Text({1, 1}, "\xff");
  EXPECT_THAT(svg.Finish(), HasSubstr(">&lt;b&gt; &amp; &quot;c&quot;</text>"));
  EXPECT_THAT(svg.Finish(), HasSubstr(">?</text>"));
}

TEST(SvgTest, PointsThatFallTogetherAreDrawnOnce) {
  Svg svg(10, 10);
  svg.Dots({{1, 1}, {1.1, 1.1}, {3, 3}}, "#000");
  EXPECT_EQ(CountOf(svg.Finish(), "h0"), 2u);
}

TEST(PlotTest, EveryRequestIsDrawn) {
  SampleRun run;
  run.Ok(1, 0, 0.5).Ok(2, 0, 2).Ok(3, 1, 4);
  run.Failed(4, absl::StatusCode::kInternal, "").Fate(5, Outcome::Fate::kDropped);
  run.Fate(6, Outcome::Fate::kUnsent);
  const std::string plot = Plot(*run, Summarize(*run));
  // The x axis has 10 s on 70 to 930 px, the y axis 4 s on 400 to 120 px.
  EXPECT_THAT(plot, HasSubstr("M156.0 365.0h0M242.0 260.0h0"));  // "quick"
  EXPECT_THAT(plot, HasSubstr("M328.0 120.0h0"));                // "slow"
  EXPECT_EQ(CountOf(plot, "l6 6m0-6l-6 6"), 2u);                 // The failure and the drop.
  EXPECT_EQ(CountOf(plot, "h0"), 3 + 3u);                        // And three percentiles.
  for (const char* text : {"sample: 4 requests/s", "3 of 6 OK", ">quick<", ">slow<", ">failed<",
                           "p50 2 s", "p99 4 s"}) {
    EXPECT_THAT(plot, HasSubstr(text));
  }
}

TEST(PlotTest, TheWarmupIsDrawnButNotCounted) {
  SampleRun run;
  run.Ok(1, 0, 4).Ok(5, 0, 1);
  EXPECT_THAT(Plot(*run, Summarize(*run)), Not(HasSubstr("warm-up")));
  run->settings.warmup = absl::Seconds(2);
  const std::string plot = Plot(*run, Summarize(*run));
  EXPECT_THAT(plot, HasSubstr("warm-up"));
  EXPECT_THAT(plot, HasSubstr("p99 1 s"));
}

TEST(PlotTest, ItsSizeDoesNotGrowWithTheRun) {
  SampleRun run;
  for (int i = 0; i < 200'000; ++i) run.Ok(i * 1e-5, 0, 0.5);
  EXPECT_LT(Plot(*run, Summarize(*run)).size(), 100'000u);
}

TEST(PlotTest, ARunWithoutAnswersHasAPlotToo) {
  SampleRun run;
  run.Fate(1, Outcome::Fate::kUnsent);
  EXPECT_THAT(Plot(*run, Summarize(*run)), HasSubstr("0 of 1 OK"));
}

}  // namespace
}  // namespace darkroom
