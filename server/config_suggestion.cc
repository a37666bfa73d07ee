#include "server/config_suggestion.h"

#include <algorithm>

namespace darkroom {
namespace {

constexpr size_t kMostErrors = 3;

// The optimal string alignment distance, by rows of its table.
size_t TypingErrors(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> SuggestName(std::string_view given,
                                       const std::vector<std::string>& names) {
  std::optional<std::string> closest;
  size_t fewest = kMostErrors + 1;
  for (const std::string& name : names) {
    if (given.size() > name.size() + kMostErrors) continue;  // The table stays small.
    const size_t errors = TypingErrors(given, name);
    if (errors >= fewest || errors * 3 > name.size()) continue;
    closest = name;
    fewest = errors;
  }
  return closest;
}

}  // namespace darkroom
