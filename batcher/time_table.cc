#include "batcher/time_table.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace darkroom {
namespace {

constexpr size_t kMaxKeys = 64;
// Calls that the line's own guess counts for when a size is seen first: two, so that one hiccup
// cannot keep a size from ever being tried again.
constexpr int kGuessWeight = 2;
// Share of a call's time taken to be fixed while a key was seen at one size alone: hopeful, for a
// size that seems not to pay is never tried.
constexpr double kGuessedFixedShare = 0.2;

}  // namespace

void TimeTable::Cell::Add(double seconds) {
  latest_[static_cast<size_t>(next_)] = seconds;
  next_ = (next_ + 1) % kSize;
  count_ = std::min(count_ + 1, kSize);
  std::array<double, kSize> sorted = latest_;
  const auto middle = sorted.begin() + (count_ - 1) / 2;
  std::nth_element(sorted.begin(), middle, sorted.begin() + count_);
  median_ = *middle;
}

void TimeTable::Observe(const BatchKey& key, int size, double seconds) {
  const double guess = At(key, size);
  const bool key_is_new = !lines_.contains(key);
  if (key_is_new && lines_.size() == kMaxKeys) ForgetOldestKey();
  Line& line = lines_[key];
  line.last_observed = ++observations_;
  const auto [cell, size_is_new] = line.cells.try_emplace(size);
  if (size_is_new && !key_is_new) {
    for (int i = 0; i < kGuessWeight; ++i) cell->second.Add(guess);
  }
  cell->second.Add(seconds);
}

double TimeTable::At(const BatchKey& key, int size) const {
  double scale = 1;
  const Line* line = FindLine(key, scale);
  if (line == nullptr) return 0;
  if (scale == 1) return AtLine(*line, size);
  const double fixed = FixedPartOf(*line);
  return fixed + scale * std::max(AtLine(*line, size) - fixed, 0.0);
}

double TimeTable::FixedPart(const BatchKey& key) const {
  double scale = 1;
  const Line* line = FindLine(key, scale);
  return line == nullptr ? 0 : std::min(FixedPartOf(*line), At(key, 1));
}

const TimeTable::Line* TimeTable::FindLine(const BatchKey& key, double& scale) const {
  if (const auto found = lines_.find(key); found != lines_.end()) return &found->second;
  const Line* nearest = nullptr;
  double distance = 0;
  for (const auto& [other, line] : lines_) {
    const double ratio = static_cast<double>(key.area()) / static_cast<double>(other.area());
    const double d = std::abs(std::log(ratio));
    if (nearest != nullptr && d >= distance) continue;
    nearest = &line;
    distance = d;
    scale = ratio;
  }
  return nearest;
}

// Straight between the sizes that were seen. Beyond them it goes on with the slope from the first
// to the last, but never cheaper by the piece than proportion allows.
double TimeTable::AtLine(const Line& line, int size) {
  const auto above = line.cells.lower_bound(size);
  if (above != line.cells.end() && above->first == size) return above->second.median();
  const auto& [first_size, first] = *line.cells.begin();
  const auto& [last_size, last] = *line.cells.rbegin();
  if (above != line.cells.begin() && above != line.cells.end()) {
    const auto& [low_size, low] = *std::prev(above);
    const double share = static_cast<double>(size - low_size) / (above->first - low_size);
    return low.median() + share * (above->second.median() - low.median());
  }
  double slope = (1 - kGuessedFixedShare) * last.median() / last_size;
  if (first_size < last_size) {
    slope = (last.median() - first.median()) / (last_size - first_size);
    slope = std::clamp(slope, 0.0, last.median() / last_size);
  }
  if (above == line.cells.end()) return last.median() + slope * (size - last_size);
  return std::max(first.median() - slope * (first_size - size), first.median() * size / first_size);
}

double TimeTable::FixedPartOf(const Line& line) {
  const int wide = std::max(line.cells.rbegin()->first, 2);
  const double one = AtLine(line, 1);
  const double slope = (AtLine(line, wide) - one) / (wide - 1);
  return std::clamp(one - slope, 0.0, one);
}

void TimeTable::ForgetOldestKey() {
  const auto older = [](const auto& a, const auto& b) {
    return a.second.last_observed < b.second.last_observed;
  };
  lines_.erase(std::min_element(lines_.begin(), lines_.end(), older));
}

}  // namespace darkroom
