#ifndef DARKROOM_BATCHER_TIME_TABLE_H_
#define DARKROOM_BATCHER_TIME_TABLE_H_

#include <array>
#include <cstdint>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "batcher/row.h"

namespace darkroom {

// What one kind of device call takes, learned by batch key and size.
//
// Each size that was seen keeps a long mean of its calls, in which an outlier counts little more
// than any other call. When the median of its latest calls is far from that mean, the change is a
// lasting one, and the median takes the mean's place. A straight line goes through all sizes of a
// key: sizes not seen are read off it, and sizes seen seldom are drawn to it. Until it was seen
// often, a size is also believed to share at least a little with the one seen most: one that by
// chance seemed not to pay would never be tried again. Keys not seen are taken from the one nearest
// in area, scaled by area where calls grow with it; the 64 keys seen last are kept. Not
// thread-safe.
class TimeTable {
 public:
  // What a call takes more time for.
  enum class Growth { kBySize, kBySizeAndArea };

  explicit TimeTable(Growth growth = Growth::kBySizeAndArea) : growth_(growth) {}

  // `size` is at least 1.
  void Observe(const BatchKey& key, int size, double seconds);

  // Seconds; 0 as long as nothing at all was seen.
  double At(const BatchKey& key, int size) const;

  // The part of it that does not grow with the size: seconds, at most At(key, 1).
  double FixedPart(const BatchKey& key) const;

 private:
  // The calls of one key and size.
  class Cell {
   public:
    void Add(double seconds);
    double seconds() const { return mean_; }
    int count() const { return count_; }

   private:
    static constexpr int kLatest = 15;
    double Median() const;

    std::array<double, kLatest> latest_ = {};
    int count_ = 0;  // Calls in the mean, up to its memory.
    int next_ = 0;   // In `latest_`.
    double mean_ = 0;
  };
  struct Line {
    std::map<int, Cell> cells;  // By size; at least one.
    int best_size = 0;          // That was seen most.
    double best_seconds = 0;
    double fixed = 0;  // Seconds at size 0, and by size; neither is negative.
    double slope = 0;
    int64_t last_observed = 0;  // On the table's own count of observations.

    double At(int size) const;
    // Seconds of a size that was seen.
    double Believed(int size, const Cell& cell) const;
    void Fit();
  };

  // A key's own line, or that of the nearest key, whose growing part then has to be scaled.
  struct Nearest {
    const Line* line = nullptr;  // Null when nothing was seen.
    double scale = 1;
  };
  Nearest FindLine(const BatchKey& key) const;
  void ForgetOldestKey();

  Growth growth_;
  absl::flat_hash_map<BatchKey, Line> lines_;
  int64_t observations_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_TIME_TABLE_H_
