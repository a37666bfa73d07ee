#ifndef DARKROOM_MODEL_TEXT_CLIP_VOCABULARY_H_
#define DARKROOM_MODEL_TEXT_CLIP_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// CLIP's byte-pair encoding: vocab.json and merges.txt of a tokenizer folder. Immutable, so any
// number of threads may share it.
class ClipVocabulary {
 public:
  // NOT_FOUND or INVALID_ARGUMENT naming the file.
  static absl::StatusOr<ClipVocabulary> Load(const std::string& folder);

  // Appends the ids of one word, given as UTF-8, which ends with the end-of-word mark. Bytes are
  // spelt with GPT-2's printable letters; pairs merge in the order of merges.txt (Sennrich et al.,
  // arXiv 1508.07909).
  void AppendWord(std::string_view word, std::vector<int64_t>& ids) const;

  // The id of a whole token; -1 when there is none.
  int64_t Find(const std::string& token) const;

  int64_t largest_id() const { return largest_id_; }

 private:
  ClipVocabulary() = default;

  absl::Status ReadMerges(const std::string& path);

  struct Merge {
    int64_t rank;
    int64_t merged;
  };
  struct PairHash {
    size_t operator()(const std::pair<int64_t, int64_t>& pair) const {
      return static_cast<size_t>(pair.first) * 0x9E3779B97F4A7C15u +
             static_cast<size_t>(pair.second);
    }
  };

  std::unordered_map<std::string, int64_t> ids_;
  int64_t largest_id_ = 0;
  std::unordered_map<std::pair<int64_t, int64_t>, Merge, PairHash> merges_;
  int64_t inner_[256];  // Id of each byte inside a word ...
  int64_t final_[256];  // ... and at its end.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_CLIP_VOCABULARY_H_
