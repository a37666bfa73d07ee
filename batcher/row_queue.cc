#include "batcher/row_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace darkroom {

RowQueue::RowQueue(const BatchOptions& options) : options_(options) {}

absl::Status RowQueue::Push(std::span<const Row> rows) {
  const int64_t images = images_ + static_cast<int64_t>(rows.size());
  int64_t pixels = pixels_;
  for (const Row& row : rows) pixels += row.pixels;
  if (images > options_.max_queued_images || pixels > options_.max_queued_pixels) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the queue is full: ", images_, " images of at most ", options_.max_queued_images, " and ",
        pixels_, " pixels of at most ", options_.max_queued_pixels, " wait"));
  }
  for (const Row& row : rows) {
    lines_[row.key].push_back(row);
    CountIn(row);
  }
  return absl::OkStatus();
}

void RowQueue::CountIn(const Row& row) {
  images_ += 1;
  pixels_ += row.pixels;
  deadlines_.insert(row.deadline);
}

void RowQueue::CountOut(const Row& row) {
  images_ -= 1;
  pixels_ -= row.pixels;
  cancelled_ -= row.cancelled;
  deadlines_.erase(deadlines_.find(row.deadline));
}

std::optional<RowQueue::Departure> RowQueue::NextDeparture() const {
  std::optional<Departure> next;
  const size_t full = static_cast<size_t>(options_.max_batch_size);
  for (const auto& [key, line] : lines_) {
    absl::Time due = line.front().arrival + options_.window;
    if (line.size() >= full) due = std::min(due, line[full - 1].arrival);
    if (!next || due < next->due) next = Departure{key, due};
  }
  return next;
}

std::vector<Row> RowQueue::PopBatch(const BatchKey& key) {
  std::vector<Row> batch;
  const auto line = lines_.find(key);
  if (line == lines_.end()) return batch;
  const size_t size = std::min(line->second.size(), static_cast<size_t>(options_.max_batch_size));
  batch.assign(line->second.begin(), line->second.begin() + size);
  line->second.erase(line->second.begin(), line->second.begin() + size);
  if (line->second.empty()) lines_.erase(line);
  for (const Row& row : batch) CountOut(row);
  return batch;
}

bool RowQueue::Cancel(RowId id) {
  for (auto& [key, line] : lines_) {
    for (Row& row : line) {
      if (row.id != id) continue;
      cancelled_ += !row.cancelled;
      row.cancelled = true;
      return true;
    }
  }
  return false;
}

std::vector<Row> RowQueue::Overdue(absl::Time now) const {
  std::vector<Row> overdue;
  if (cancelled_ == 0 && now < EarliestDeadline()) return overdue;
  for (const auto& [key, line] : lines_) {
    for (const Row& row : line) {
      if (row.cancelled || row.deadline <= now) overdue.push_back(row);
    }
  }
  return overdue;
}

std::vector<Row> RowQueue::All() const {
  std::vector<Row> all;
  for (const auto& [key, line] : lines_) all.insert(all.end(), line.begin(), line.end());
  return all;
}

void RowQueue::Remove(std::span<const Row> rows) {
  for (const Row& removed : rows) {
    const auto line = lines_.find(removed.key);
    if (line == lines_.end()) continue;
    const auto is_removed = [&](const Row& row) { return row.id == removed.id; };
    const auto row = std::find_if(line->second.begin(), line->second.end(), is_removed);
    if (row == line->second.end()) continue;
    CountOut(*row);
    line->second.erase(row);
    if (line->second.empty()) lines_.erase(line);
  }
}

}  // namespace darkroom
