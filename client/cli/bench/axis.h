#ifndef DARKROOM_CLIENT_CLI_BENCH_AXIS_H_
#define DARKROOM_CLIENT_CLI_BENCH_AXIS_H_

#include <vector>

namespace darkroom {

// Values from 0 up, spread over pixels: 0 is at `first`, and what is to fit at or before `last`,
// which may be less than `first`.
class Axis {
 public:
  // The axis ends at a round number, the least from `most` on; `most` may be anything.
  Axis(double most, double first, double last);

  double At(double value) const { return first_ + value / end_ * (last_ - first_); }
  double end() const { return end_; }
  double first() const { return first_; }
  double last() const { return last_; }
  // Where to write numbers: round ones from 0 to the end, six or fewer.
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  double first_;
  double last_;
  double end_ = 1;
  std::vector<double> ticks_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_AXIS_H_
