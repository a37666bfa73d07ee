#include "model/text/clip_vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/checkpoint/json_file.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr char kEndOfWord[] = "</w>";

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
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
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
  std::vector<int64_t> parts;
  parts.reserve(word.size());
  for (const char c : word) parts.push_back(inner_[static_cast<uint8_t>(c)]);
  if (!word.empty()) parts.back() = final_[static_cast<uint8_t>(word.back())];
  while (parts.size() > 1) {
    const Merge* best = nullptr;
    size_t position = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto merge = merges_.find({parts[i], parts[i + 1]});
      if (merge == merges_.end() || (best && best->rank <= merge->second.rank)) continue;
      best = &merge->second;
      position = i;
    }
    if (best == nullptr) break;
    parts[position] = best->merged;
    parts.erase(parts.begin() + static_cast<int64_t>(position) + 1);
  }
  ids.insert(ids.end(), parts.begin(), parts.end());
}

int64_t ClipVocabulary::Find(const std::string& token) const {
  const auto id = ids_.find(token);
  return id == ids_.end() ? -1 : id->second;
}

}  // namespace darkroom
