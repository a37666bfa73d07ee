#ifndef DARKROOM_CLIENT_CLI_BENCH_SVG_H_
#define DARKROOM_CLIENT_CLI_BENCH_SVG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace darkroom {

struct SvgPoint {
  double x = 0;
  double y = 0;
};

// A drawing that grows, in pixels from its upper left corner, on white.
class Svg {
 public:
  enum class Anchor { kStart, kMiddle, kEnd };

  Svg(int width, int height);

  void Rectangle(SvgPoint corner, double width, double height, absl::string_view fill);
  void Line(SvgPoint from, SvgPoint to, absl::string_view colour, double width = 1,
            bool dashed = false);
  // Through all points; nothing when there are fewer than two.
  void Polyline(const std::vector<SvgPoint>& points, absl::string_view colour, double width);
  // One shape for each point. Points that fall together on the screen are drawn once, so that the
  // size of the file is bounded by its picture.
  void Dots(const std::vector<SvgPoint>& points, absl::string_view colour);
  void Crosses(const std::vector<SvgPoint>& points, absl::string_view colour);
  // `text` may be any; its baseline begins, is centred or ends at the point. It has a
  // white edge, so that it can be read over lines.
  void Text(SvgPoint at, absl::string_view text, Anchor anchor = Anchor::kStart, double size = 12,
            absl::string_view colour = "#333");

  // The file.
  std::string Finish() const;

 private:
  std::string text_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_SVG_H_
