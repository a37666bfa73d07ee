#include "model/text/clip_vocabulary.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/checkpoint/json_file.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr char kEndOfWord[] = "</w>";
constexpr int64_t kGone = -1;

// GPT-2's spelling of a byte: printable Latin-1 letters stand for themselves, the others for the
// code points from 256 on.
std::vector<std::string> ByteLetters() {
  std::vector<std::string> letters(256);
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
    const int code = printable ? byte : next++;
    if (code < 0x80) {
      letters[byte] = std::string(1, static_cast<char>(code));
    } else {
      letters[byte] = {static_cast<char>(0xC0 | (code >> 6)),
                       static_cast<char>(0x80 | (code & 63))};
    }
  }
  return letters;
}

}  // namespace

absl::StatusOr<ClipVocabulary> ClipVocabulary::Load(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/vocab.json");
  const absl::StatusOr<json> vocabulary = ReadJsonObject(path);
  if (!vocabulary.ok()) return vocabulary.status();
  const auto broken = [&](const std::string& rule) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", rule));
  };
  ClipVocabulary result;
  for (const auto& [token, id] : vocabulary->items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      return broken("has an id that is not a 32-bit number");
    }
    result.ids_.emplace(token, id.get<int64_t>());
    result.largest_id_ = std::max(result.largest_id_, id.get<int64_t>());
  }
  const std::vector<std::string> letters = ByteLetters();
  for (int byte = 0; byte < 256; ++byte) {
    result.inner_[byte] = result.Find(letters[byte]);
    result.final_[byte] = result.Find(letters[byte] + kEndOfWord);
    if (result.inner_[byte] < 0 || result.final_[byte] < 0) {
      return broken(absl::StrCat("lacks the byte ", byte));
    }
  }
  if (absl::Status s = result.ReadMerges(absl::StrCat(folder, "/merges.txt")); !s.ok()) return s;
  return result;
}

absl::Status ClipVocabulary::ReadMerges(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  std::unordered_set<int64_t> reached(inner_, inner_ + 256);
  reached.insert(final_, final_ + 256);
  int64_t rank = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    absl::ConsumeSuffix(&line, "\r");  // Of a checkout on Windows.
    if (line.empty() || absl::StartsWith(line, "#version")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    const int64_t left = parts.size() == 2 ? Find(parts[0]) : -1;
    const int64_t right = parts.size() == 2 ? Find(parts[1]) : -1;
    const int64_t merged = parts.size() == 2 ? Find(parts[0] + parts[1]) : -1;
    if (left < 0 || right < 0 || merged < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": merge ", rank + 1, " is not of two tokens of the vocabulary"));
    }
    merges_.emplace(std::pair(left, right), Merge{rank++, merged});
    reached.insert(merged);
  }
  // A file that was cut would not fail, but spell words otherwise.
  for (const auto& [token, id] : ids_) {
    if (reached.contains(id) || token.starts_with("<|")) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no merge makes the token \"", token, "\" of vocab.json"));
  }
  return absl::OkStatus();
}

void ClipVocabulary::AppendWord(std::string_view word, std::vector<int64_t>& ids) const {
  if (word.empty()) return;
  std::vector<int64_t> parts;  // kGone where a part was merged into the one before it.
  for (const char c : word) parts.push_back(inner_[static_cast<uint8_t>(c)]);
  parts.back() = final_[static_cast<uint8_t>(word.back())];
  std::vector<size_t> next(parts.size()), previous(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;  // Of the first: no index.
  }

  // The lowest rank first, then the leftmost; entries whose parts have changed since are passed
  // over.
  struct Candidate {
    int64_t rank;
    size_t left;
    int64_t left_id, right_id, merged;
    bool operator>(const Candidate& other) const {
      return std::tie(rank, left) > std::tie(other.rank, other.left);
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](size_t left) {
    if (left >= parts.size() || next[left] >= parts.size()) return;
    const auto merge = merges_.find({parts[left], parts[next[left]]});
    if (merge == merges_.end()) return;
    candidates.push(
        {merge->second.rank, left, parts[left], parts[next[left]], merge->second.merged});
  };
  for (size_t i = 0; i < parts.size(); ++i) consider(i);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    const size_t right = next[best.left];
    if (parts[best.left] != best.left_id || right >= parts.size() ||
        parts[right] != best.right_id) {
      continue;
    }
    parts[best.left] = best.merged;
    parts[right] = kGone;
    next[best.left] = next[right];
    if (next[right] < parts.size()) previous[next[right]] = best.left;
    consider(best.left);
    consider(previous[best.left]);
  }
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(ids),
               [](int64_t part) { return part != kGone; });
}

int64_t ClipVocabulary::Find(const std::string& token) const {
  const auto id = ids_.find(token);
  return id == ids_.end() ? -1 : id->second;
}

}  // namespace darkroom
