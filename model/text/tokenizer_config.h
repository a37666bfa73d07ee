#ifndef DARKROOM_MODEL_TEXT_TOKENIZER_CONFIG_H_
#define DARKROOM_MODEL_TEXT_TOKENIZER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// A token that stands for itself in the text, as a folder's files name it.
struct TokenName {
  std::string text;
  bool normalized = false;  // Looked for in the normalized text, else in the raw one.
};

// tokenizer_config.json of a CLIP tokenizer and, where there is one, special_tokens_map.json, as
// transformers reads them.
struct TokenizerConfig {
  int64_t length = 77;  // model_max_length
  std::string begin, end, unknown, padding;
  std::vector<TokenName> tokens;  // A later one goes before an earlier one of the same text.

  // NOT_FOUND or INVALID_ARGUMENT naming the file and what in it is not supported.
  static absl::StatusOr<TokenizerConfig> Read(const std::string& folder);
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_TOKENIZER_CONFIG_H_
