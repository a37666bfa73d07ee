#include "client/cli/bench/svg.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

// Those that differ by half a pixel.
std::vector<SvgPoint> Distinct(const std::vector<SvgPoint>& points) {
  std::set<std::pair<long, long>> seen;
  std::vector<SvgPoint> distinct;
  for (const SvgPoint& point : points) {
    if (seen.emplace(std::lround(2 * point.x), std::lround(2 * point.y)).second) {
      distinct.push_back(point);
    }
  }
  return distinct;
}

// Text of a mix file need not be UTF-8 on the way here, nor free of markup.
std::string Escaped(absl::string_view text) {
  if (!IsUtf8(text)) return "?";
  return absl::StrReplaceAll(ForTerminal(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

const char* Name(Svg::Anchor anchor) {
  switch (anchor) {
    case Svg::Anchor::kStart: return "start";
    case Svg::Anchor::kMiddle: return "middle";
    case Svg::Anchor::kEnd: return "end";
  }
  return "start";
}

}  // namespace

Svg::Svg(int width, int height)
    : text_(absl::StrFormat(
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
          "%d\" font-family=\"Helvetica, Arial, DejaVu Sans, sans-serif\">\n"
          "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
          width, height, width, height, width, height)) {}

void Svg::Rectangle(SvgPoint corner, double width, double height, absl::string_view fill) {
  absl::StrAppendFormat(
      &text_, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
      corner.x, corner.y, width, height, fill);
}

void Svg::Line(SvgPoint from, SvgPoint to, absl::string_view colour, double width, bool dashed) {
  absl::StrAppendFormat(&text_,
                        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                        "stroke-width=\"%g\"%s/>\n",
                        from.x, from.y, to.x, to.y, colour, width,
                        dashed ? " stroke-dasharray=\"4 3\"" : "");
}

void Svg::Polyline(const std::vector<SvgPoint>& points, absl::string_view colour, double width) {
  if (points.size() < 2) return;
  absl::StrAppendFormat(
      &text_, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%g\" points=\"", colour, width);
  for (const SvgPoint& point : points)
    absl::StrAppendFormat(&text_, "%.1f,%.1f ", point.x, point.y);
  absl::StrAppend(&text_, "\"/>\n");
}

void Svg::Dots(const std::vector<SvgPoint>& points, absl::string_view colour) {
  if (points.empty()) return;
  absl::StrAppendFormat(&text_,
                        "<path fill=\"none\" stroke=\"%s\" stroke-width=\"5\" "
                        "stroke-linecap=\"round\" stroke-opacity=\"0.7\" d=\"",
                        colour);
  for (const SvgPoint& point : Distinct(points)) {
    absl::StrAppendFormat(&text_, "M%.1f %.1fh0", point.x, point.y);
  }
  absl::StrAppend(&text_, "\"/>\n");
}

void Svg::Crosses(const std::vector<SvgPoint>& points, absl::string_view colour) {
  if (points.empty()) return;
  absl::StrAppendFormat(&text_, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"",
                        colour);
  for (const SvgPoint& point : Distinct(points)) {
    absl::StrAppendFormat(&text_, "M%.1f %.1fl6 6m0-6l-6 6", point.x - 3, point.y - 3);
  }
  absl::StrAppend(&text_, "\"/>\n");
}

void Svg::Text(SvgPoint at, absl::string_view text, Anchor anchor, double size,
               absl::string_view colour) {
  absl::StrAppendFormat(
      &text_,
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%g\" fill=\"%s\" "
      "stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\">%s</text>\n",
      at.x, at.y, Name(anchor), size, colour, Escaped(text));
}

std::string Svg::Finish() const { return absl::StrCat(text_, "</svg>\n"); }

}  // namespace darkroom
