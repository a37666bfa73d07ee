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
// Each size that was seen keeps the median of its latest calls, so a hiccup moves nothing, and a
// lasting change is believed after half of them. Sizes not seen are read off the line through those
// that were; keys not seen are scaled by area from the one nearest in area. Not thread-safe.
class TimeTable {
 public:
  // `size` is at least 1.
  void Observe(const BatchKey& key, int size, double seconds);

  // Seconds; 0 as long as nothing at all was seen.
  double At(const BatchKey& key, int size) const;

  // The part of it that does not grow with the size: seconds, at most At(key, 1).
  double FixedPart(const BatchKey& key) const;

 private:
  // The latest calls of one key and size.
  class Cell {
   public:
    void Add(double seconds);
    double median() const { return median_; }

   private:
    static constexpr int kSize = 15;
    std::array<double, kSize> latest_ = {};
    int count_ = 0;
    int next_ = 0;
    double median_ = 0;
  };
  struct Line {
    std::map<int, Cell> cells;  // By size; at least one.
    int64_t last_observed = 0;  // On the table's own count of observations.
  };

  // Null when nothing was seen. Else `scale` is what the line's growing part has to be scaled by.
  const Line* FindLine(const BatchKey& key, double& scale) const;
  static double AtLine(const Line& line, int size);
  static double FixedPartOf(const Line& line);
  void ForgetOldestKey();

  absl::flat_hash_map<BatchKey, Line> lines_;
  int64_t observations_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_TIME_TABLE_H_
