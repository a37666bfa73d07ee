#include "model/text/clip_vocabulary.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

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
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  const json vocabulary = json::parse(file, nullptr, /*allow_exceptions=*/false);
  const auto broken = [&](const std::string& rule) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", rule));
  };
  if (!vocabulary.is_object()) return broken("is not a JSON object");

  ClipVocabulary result;
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      return broken("has an id that is not a 32-bit number");
    }
    result.ids_.emplace(token, id.get<int64_t>());
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
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::string line;
  int64_t rank = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line.starts_with("#version")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    const int64_t left = parts.size() == 2 ? Find(parts[0]) : -1;
    const int64_t right = parts.size() == 2 ? Find(parts[1]) : -1;
    const int64_t merged = parts.size() == 2 ? Find(parts[0] + parts[1]) : -1;
    if (left < 0 || right < 0 || merged < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": merge ", rank + 1, " is not of two tokens of the vocabulary"));
    }
    merges_.emplace(std::pair(left, right), Merge{rank++, merged});
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
