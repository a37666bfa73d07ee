#include "client/cli/bench/plot.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/bench/axis.h"
#include "client/cli/bench/report.h"
#include "client/cli/bench/svg.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

using Anchor = Svg::Anchor;
using Fate = Outcome::Fate;

constexpr int kWidth = 960;
constexpr int kHeight = 800;
constexpr double kLeft = 70;
constexpr double kRight = kWidth - 30;
constexpr double kUpperTop = 120;
constexpr double kUpperBottom = 400;
constexpr double kLowerTop = 480;
constexpr double kLowerBottom = 740;
constexpr size_t kTitleBytes = 100;  // As many as fit.
constexpr char kGrid[] = "#e4e4e4";
constexpr char kFailure[] = "#d32f2f";
constexpr char kAll[] = "#222";
// Okabe and Ito's, which the colour-blind tell apart, without their red.
constexpr const char* kKinds[] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"};

const char* KindColour(size_t kind) { return kKinds[kind % std::size(kKinds)]; }

bool IsOk(const Outcome& outcome) {
  return outcome.fate == Fate::kAnswered && outcome.code == absl::StatusCode::kOk;
}

void DrawFrame(const Axis& x, const Axis& y, absl::string_view title, absl::string_view x_title,
               absl::string_view y_unit, Svg& svg) {
  for (double tick : y.ticks()) {
    svg.Line({x.first(), y.At(tick)}, {x.last(), y.At(tick)}, kGrid);
    svg.Text({x.first() - 8, y.At(tick) + 4}, absl::StrFormat("%g%s", tick, y_unit), Anchor::kEnd);
  }
  for (double tick : x.ticks()) {
    svg.Line({x.At(tick), y.first()}, {x.At(tick), y.last()}, kGrid);
    svg.Text({x.At(tick), y.first() + 18}, absl::StrFormat("%g s", tick), Anchor::kMiddle);
  }
  svg.Line({x.first(), y.first()}, {x.last(), y.first()}, "#888");
  svg.Text({x.first(), y.last() - 12}, title, Anchor::kStart, 14, "#111");
  svg.Text({x.last(), y.first() + 36}, x_title, Anchor::kEnd);
}

void DrawLegend(const BenchRun& run, Svg& svg) {
  double x = kLeft;
  const auto entry = [&](absl::string_view name, const char* colour) {
    svg.Rectangle({x, 70}, 12, 12, colour);
    svg.Text({x + 17, 80.5}, name);
    x += 40 + 7.0 * static_cast<double>(name.size());
  };
  for (size_t kind = 0; kind < run.settings.mix.kinds.size(); ++kind) {
    entry(run.settings.mix.kinds[kind].name, KindColour(kind));
  }
  if (run.settings.mix.kinds.size() > 1) entry("all", kAll);
  entry("failed", kFailure);
}

void DrawLatencies(const BenchRun& run, const Axis& x, const Axis& y, Svg& svg) {
  std::vector<std::vector<SvgPoint>> kinds(run.settings.mix.kinds.size());
  std::vector<SvgPoint> failures;
  for (size_t i = 0; i < run.outcomes.size(); ++i) {
    const Outcome& outcome = run.outcomes[i];
    const double at = x.At(absl::ToDoubleSeconds(run.schedule[i].at));
    const double latency = y.At(absl::ToDoubleSeconds(outcome.latency));
    if (IsOk(outcome)) {
      kinds[run.schedule[i].kind].push_back({at, latency});
    } else if (outcome.fate == Fate::kAnswered) {
      failures.push_back({at, latency});
    } else if (outcome.fate == Fate::kDropped) {
      failures.push_back({at, y.At(0)});
    }
  }
  for (size_t kind = 0; kind < kinds.size(); ++kind) svg.Dots(kinds[kind], KindColour(kind));
  svg.Crosses(failures, kFailure);
}

// The latencies of OK answers after the warm-up, sorted: of one kind, or of all.
std::vector<double> SortedLatencies(const BenchRun& run, std::optional<size_t> kind) {
  std::vector<double> values;
  for (size_t i = 0; i < run.outcomes.size(); ++i) {
    const Arrival& arrival = run.schedule[i];
    if (arrival.at < run.settings.warmup || !IsOk(run.outcomes[i])) continue;
    if (kind.has_value() && *kind != arrival.kind) continue;
    values.push_back(absl::ToDoubleSeconds(run.outcomes[i].latency));
  }
  std::sort(values.begin(), values.end());
  return values;
}

// A step for each pixel of height, whatever the number of values.
std::vector<SvgPoint> Cumulative(const std::vector<double>& sorted, const Axis& x, const Axis& y) {
  if (sorted.empty()) return {};
  std::vector<SvgPoint> points = {{x.At(sorted.front()), y.At(0)}};
  const int pixels = static_cast<int>(y.first() - y.last());
  for (int i = 1; i <= pixels; ++i) {
    const double share = static_cast<double>(i) / pixels;
    points.push_back({x.At(Percentile(sorted, share)), points.back().y});
    points.push_back({points.back().x, y.At(100 * share)});
  }
  points.push_back({x.last(), points.back().y});
  return points;
}

void MarkPercentile(absl::string_view name, double share, double value, const Axis& x,
                    const Axis& y, Svg& svg) {
  const SvgPoint at = {x.At(value), y.At(100 * share)};
  svg.Line({at.x, y.first()}, at, "#777", 1, /*dashed=*/true);
  svg.Dots({at}, kAll);
  const std::string label = absl::StrFormat("%s %.3g s", name, value);
  // The curve rises to the right, so there is room above on its left and below on its right.
  if (at.x - x.first() > 90) {
    svg.Text({at.x - 7, at.y - 5}, label, Anchor::kEnd, 12, kAll);
  } else {
    svg.Text({at.x + 7, at.y + 15}, label, Anchor::kStart, 12, kAll);
  }
}

void DrawShares(const BenchRun& run, const BenchSummary& summary, Svg& svg) {
  const Axis x(summary.latency.max, kLeft, kRight);
  const Axis y(100, kLowerBottom, kLowerTop);
  DrawFrame(x, y, "Share of OK answers within a latency", "latency, from the arrival", " %", svg);
  if (summary.ok() == 0) return;
  if (summary.kinds.size() > 1) {
    for (size_t kind = 0; kind < summary.kinds.size(); ++kind) {
      svg.Polyline(Cumulative(SortedLatencies(run, kind), x, y), KindColour(kind), 1.5);
    }
  }
  const char* colour = summary.kinds.size() > 1 ? kAll : KindColour(0);
  svg.Polyline(Cumulative(SortedLatencies(run, std::nullopt), x, y), colour, 2.5);
  MarkPercentile("p50", 0.5, summary.latency.p50, x, y, svg);
  MarkPercentile("p90", 0.9, summary.latency.p90, x, y, svg);
  MarkPercentile("p99", 0.99, summary.latency.p99, x, y, svg);
}

std::string Subtitle(const BenchSummary& summary) {
  std::string text = absl::StrFormat("%d of %d OK, %.2f images/s", summary.ok(), summary.arrived,
                                     summary.PerSecond(summary.images));
  if (summary.batches.has_value()) {
    absl::StrAppendFormat(&text, ", %.2f rows in a pass on average", summary.batches->mean);
  }
  return text;
}

}  // namespace

std::string Plot(const BenchRun& run, const BenchSummary& summary) {
  Svg svg(kWidth, kHeight);
  svg.Text({kLeft, 30}, Shortened(Title(run), kTitleBytes), Anchor::kStart, 16, "#111");
  svg.Text({kLeft, 52}, Subtitle(summary), Anchor::kStart, 13);
  DrawLegend(run, svg);

  double longest = 0;
  for (const Outcome& outcome : run.outcomes) {
    longest = std::max(longest, absl::ToDoubleSeconds(outcome.latency));
  }
  const Axis x(absl::ToDoubleSeconds(run.settings.warmup + run.settings.duration), kLeft, kRight);
  const Axis y(longest, kUpperBottom, kUpperTop);
  const double warmup = absl::ToDoubleSeconds(run.settings.warmup);
  if (warmup > 0) {
    svg.Rectangle({x.At(0), kUpperTop}, x.At(warmup) - x.At(0), kUpperBottom - kUpperTop,
                  "#f3f3f3");
    svg.Text({x.At(0) + 6, kUpperTop + 16}, "warm-up");
  }
  DrawFrame(x, y, "Latency of each request", "arrival, since the start", " s", svg);
  DrawLatencies(run, x, y, svg);
  DrawShares(run, summary, svg);
  return svg.Finish();
}

}  // namespace darkroom
