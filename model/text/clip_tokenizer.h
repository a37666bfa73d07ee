#ifndef DARKROOM_MODEL_TEXT_CLIP_TOKENIZER_H_
#define DARKROOM_MODEL_TEXT_CLIP_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/text/clip_vocabulary.h"

namespace darkroom {

// Text to token ids, equal to transformers' CLIPTokenizer on any UTF-8: special tokens are found
// first, the text between them is brought to NFC, white space runs become one blank, letters become
// small, words are cut out and byte-pair encoded. Immutable, so any number of threads may share it.
class ClipTokenizer {
 public:
  struct Tokens {
    std::vector<int64_t> ids;  // Begin token, words, end token, padding: [length()].
    int truncated = 0;         // Tokens that did not fit.
  };

  // Reads a tokenizer folder: vocab.json, merges.txt, tokenizer_config.json and, where there is
  // one, special_tokens_map.json.
  static absl::StatusOr<ClipTokenizer> Load(const std::string& folder);

  // `text` is valid UTF-8.
  Tokens Encode(const std::string& text) const;

  int64_t length() const { return length_; }
  int64_t largest_id() const { return vocabulary_.largest_id(); }

 private:
  // A token that stands for itself wherever it occurs in the text.
  struct SpecialToken {
    std::string text;
    int64_t id = 0;
    bool normalized = false;  // Looked for in the normalized text, else in the raw one.
  };

  explicit ClipTokenizer(ClipVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  absl::Status ReadSpecialTokens(const std::string& folder);
  // Calls `special` and `plain` for the parts of the text, in order.
  template <typename Special, typename Plain>
  void SplitAtSpecialTokens(std::string_view text, bool normalized, const Special& special,
                            const Plain& plain) const;
  void AppendWords(const std::string& normalized, std::vector<int64_t>& ids) const;

  ClipVocabulary vocabulary_;
  std::vector<SpecialToken> special_tokens_;
  int64_t length_ = 77;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  int64_t padding_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_CLIP_TOKENIZER_H_
