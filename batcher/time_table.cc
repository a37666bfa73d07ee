#include "batcher/time_table.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace darkroom {
namespace {

constexpr size_t kMaxKeys = 64;
constexpr int kMemory = 128;    // Calls that a mean remembers: a tenth of jitter is 1 % in it.
constexpr double kMostOff = 2;  // An outlier counts as twice the median, or as half of it.
constexpr double kLastingChange = 0.35;  // Of the median, between it and the mean.
constexpr double kLineWeight = 40;       // Calls that the line counts for, beside a size's own.
constexpr double kLeastSeconds = 1e-6;
constexpr int kEnough = 40;  // Calls after which a size is believed for itself.
// Share of a call's time taken to be fixed as long as nobody knows: hopeful, for a size that seems
// not to pay is never tried.
constexpr double kGuessedFixedShare = 0.2;

}  // namespace

double TimeTable::Cell::Median() const {
  const int count = std::min(count_, kLatest);
  std::array<double, kLatest> sorted = latest_;
  const auto middle = sorted.begin() + (count - 1) / 2;
  std::nth_element(sorted.begin(), middle, sorted.begin() + count);
  return *middle;
}

void TimeTable::Cell::Add(double seconds) {
  latest_[static_cast<size_t>(next_)] = seconds;
  next_ = (next_ + 1) % kLatest;
  count_ = std::min(count_ + 1, kMemory);
  const double median = Median();
  const double believed = std::clamp(seconds, median / kMostOff, median * kMostOff);
  mean_ += (believed - mean_) / count_;
  if (std::abs(mean_ - median) <= kLastingChange * median) return;
  mean_ = median;
  count_ = std::min(count_, kLatest);
}

void TimeTable::Observe(const BatchKey& key, int size, double seconds) {
  if (!lines_.contains(key) && lines_.size() == kMaxKeys) ForgetOldestKey();
  Line& line = lines_[key];
  line.last_observed = ++observations_;
  line.cells[size].Add(seconds);
  line.Fit();
}

double TimeTable::Line::Believed(int size, const Cell& cell) const {
  if (cell.count() >= kEnough || size == best_size) return cell.seconds();
  const double ratio = static_cast<double>(size) / best_size;
  return std::min(cell.seconds(),
                  best_seconds * (kGuessedFixedShare + (1 - kGuessedFixedShare) * ratio));
}

// Least squares of the relative errors, for those of times are alike; neither part is below zero.
void TimeTable::Line::Fit() {
  const auto& [most_size, most] = *std::max_element(
      cells.begin(), cells.end(),
      [](const auto& a, const auto& b) { return a.second.count() < b.second.count(); });
  best_size = most_size;
  best_seconds = most.seconds();
  const auto weight_of = [](const Cell& cell, double seconds) {
    seconds = std::max(seconds, kLeastSeconds);
    return cell.count() / (seconds * seconds);
  };
  double weight = 0, mean_size = 0, mean_seconds = 0;
  for (const auto& [size, cell] : cells) {
    const double seconds = Believed(size, cell);
    const double w = weight_of(cell, seconds);
    weight += w;
    mean_size += (size - mean_size) * w / weight;
    mean_seconds += (seconds - mean_seconds) * w / weight;
  }
  double spread = 0, together = 0;
  for (const auto& [size, cell] : cells) {
    const double seconds = Believed(size, cell);
    const double w = weight_of(cell, seconds);
    spread += w * (size - mean_size) * (size - mean_size);
    together += w * (size - mean_size) * (seconds - mean_seconds);
  }
  mean_seconds = std::max(mean_seconds, 0.0);  // Not by rounding either.
  const double guess = (1 - kGuessedFixedShare) * mean_seconds / mean_size;
  slope = cells.size() == 1 ? guess : together / spread;
  slope = std::clamp(slope, 0.0, mean_seconds / mean_size);
  fixed = std::max(mean_seconds - slope * mean_size, 0.0);
}

double TimeTable::Line::At(int size) const {
  const double fitted = fixed + slope * size;
  const auto cell = cells.find(size);
  if (cell == cells.end()) return fitted;
  const double count = cell->second.count();
  return (count * Believed(size, cell->second) + kLineWeight * fitted) / (count + kLineWeight);
}

double TimeTable::At(const BatchKey& key, int size) const {
  const auto [line, scale] = FindLine(key);
  if (line == nullptr) return 0;
  if (scale == 1) return line->At(size);
  return line->fixed + scale * std::max(line->At(size) - line->fixed, 0.0);
}

double TimeTable::FixedPart(const BatchKey& key) const {
  const Line* line = FindLine(key).line;
  return line == nullptr ? 0 : std::min(line->fixed, At(key, 1));
}

TimeTable::Nearest TimeTable::FindLine(const BatchKey& key) const {
  if (const auto found = lines_.find(key); found != lines_.end()) return {&found->second};
  Nearest nearest;
  std::tuple<double, int, int> least;  // The distance, and the key for keys as near.
  for (const auto& [other, line] : lines_) {
    const double ratio = static_cast<double>(key.area()) / static_cast<double>(other.area());
    const std::tuple distance(std::abs(std::log(ratio)), other.height, other.width);
    if (nearest.line != nullptr && distance >= least) continue;
    nearest = {&line, growth_ == Growth::kBySize ? 1 : ratio};
    least = distance;
  }
  return nearest;
}

void TimeTable::ForgetOldestKey() {
  const auto older = [](const auto& a, const auto& b) {
    return a.second.last_observed < b.second.last_observed;
  };
  lines_.erase(std::min_element(lines_.begin(), lines_.end(), older));
}

}  // namespace darkroom
