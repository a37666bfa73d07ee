#include "model/text/clip_tokenizer.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/text/tokenizer_config.h"

namespace darkroom {
namespace {

constexpr UChar32 kCapitalIWithDot = 0x130;  // The one letter whose small form is two code points.
constexpr UChar32 kCombiningDotAbove = 0x307;

bool IsLetter(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_L_MASK) != 0; }
bool IsNumber(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0; }
bool IsSpace(UChar32 c) { return u_isUWhiteSpace(c); }
bool IsSymbol(UChar32 c) { return !IsLetter(c) && !IsNumber(c) && !IsSpace(c); }

// NFC of Unicode 9.0, transformers' version: younger marks are neither reordered nor composed.
const icu::Normalizer2& OldNfc() {
  static const icu::Normalizer2* const nfc = [] {
    UErrorCode error = U_ZERO_ERROR;
    auto* known = new icu::UnicodeSet("[:age=9.0:]", error);  // Lives as long as the program.
    known->freeze();
    return new icu::FilteredNormalizer2(*icu::Normalizer2::getNFCInstance(error), *known);
  }();
  return *nfc;
}

// NFC, white space runs to one blank, small letters: in this order, for each can undo the others.
std::string Normalize(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString raw = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  const icu::UnicodeString composed = OldNfc().normalize(raw, error);
  icu::UnicodeString result;
  bool in_space = false;
  for (int32_t i = 0; i < composed.length(); i = composed.moveIndex32(i, 1)) {
    const UChar32 c = composed.char32At(i);
    if (IsSpace(c)) {
      if (!in_space) result.append(static_cast<UChar32>(' '));
      in_space = true;
      continue;
    }
    in_space = false;
    result.append(u_tolower(c));
    if (c == kCapitalIWithDot) result.append(kCombiningDotAbove);
  }
  std::string utf8;
  result.toUTF8String(utf8);
  return utf8;
}

// The word that begins at `at`, by CLIP's pattern: a contraction, a run of letters, one digit or a
// run of symbols. Returns the index after it, or `at` where a blank stands.
int32_t WordEnd(const icu::UnicodeString& text, int32_t at) {
  for (const char* contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    const icu::UnicodeString suffix(contraction, -1, US_INV);
    if (text.compare(at, suffix.length(), suffix) == 0) return at + suffix.length();
  }
  const UChar32 first = text.char32At(at);
  if (IsSpace(first)) return at;
  int32_t end = text.moveIndex32(at, 1);
  if (IsNumber(first)) return end;
  const auto belongs = IsLetter(first) ? IsLetter : IsSymbol;
  while (end < text.length() && belongs(text.char32At(end))) end = text.moveIndex32(end, 1);
  return end;
}

// The spelling of a special token that begins at `at`, though it did not count as that token; empty
// when there is none.
std::string_view SpelledOutSpecial(const icu::UnicodeString& text, int32_t at) {
  for (const std::string_view special : {"<|startoftext|>", "<|endoftext|>"}) {
    const icu::UnicodeString whole(special.data(), static_cast<int32_t>(special.size()), US_INV);
    if (text.compare(at, whole.length(), whole) == 0) return special;
  }
  return {};
}

}  // namespace

absl::StatusOr<ClipTokenizer> ClipTokenizer::Load(const std::string& folder) {
  absl::StatusOr<ClipVocabulary> vocabulary = ClipVocabulary::Load(folder);
  if (!vocabulary.ok()) return vocabulary.status();
  ClipTokenizer tokenizer(*std::move(vocabulary));
  if (absl::Status s = tokenizer.ReadSpecialTokens(folder); !s.ok()) return s;
  return tokenizer;
}

absl::Status ClipTokenizer::ReadSpecialTokens(const std::string& folder) {
  const absl::StatusOr<TokenizerConfig> config = TokenizerConfig::Read(folder);
  if (!config.ok()) return config.status();
  for (const TokenName& name : config->tokens) {
    const int64_t id = vocabulary_.Find(name.text);
    if (id < 0) {
      return absl::InvalidArgumentError(absl::StrCat(folder, "/tokenizer_config.json: \"",
                                                     name.text.substr(0, 64),
                                                     "\" is not a token of the vocabulary"));
    }
    std::erase_if(special_tokens_, [&](const SpecialToken& t) { return t.text == name.text; });
    special_tokens_.push_back({name.text, id, name.normalized});
  }
  length_ = config->length;
  begin_ = vocabulary_.Find(config->begin);
  end_ = vocabulary_.Find(config->end);
  padding_ = vocabulary_.Find(config->padding);
  return absl::OkStatus();
}

template <typename Special, typename Plain>
void ClipTokenizer::SplitAtSpecialTokens(std::string_view text, bool normalized,
                                         const Special& special, const Plain& plain) const {
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const SpecialToken* found = nullptr;
    for (const SpecialToken& token : special_tokens_) {
      const bool longer = found == nullptr || token.text.size() > found->text.size();
      if (token.normalized == normalized && longer && text.substr(at).starts_with(token.text)) {
        found = &token;
      }
    }
    if (found == nullptr) {
      ++at;
      continue;
    }
    if (at > begin) plain(text.substr(begin, at - begin));
    special(found->id);
    at += found->text.size();
    begin = at;
  }
  if (begin < text.size()) plain(text.substr(begin));
}

void ClipTokenizer::AppendWords(const std::string& normalized, std::vector<int64_t>& ids) const {
  const icu::UnicodeString text = icu::UnicodeString::fromUTF8(normalized);
  for (int32_t at = 0; at < text.length();) {
    if (const std::string_view special = SpelledOutSpecial(text, at); !special.empty()) {
      // The pattern takes it for one word, which the byte-level splitter then cuts in three.
      vocabulary_.AppendWord("<|", ids);
      vocabulary_.AppendWord(special.substr(2, special.size() - 4), ids);
      vocabulary_.AppendWord("|>", ids);
      at += static_cast<int32_t>(special.size());
      continue;
    }
    const int32_t end = WordEnd(text, at);
    if (end == at) {
      ++at;  // A blank.
      continue;
    }
    std::string word;
    text.tempSubStringBetween(at, end).toUTF8String(word);
    vocabulary_.AppendWord(word, ids);
    at = end;
  }
}

ClipTokenizer::Tokens ClipTokenizer::Encode(const std::string& text) const {
  std::vector<int64_t> words;
  const auto special = [&](int64_t id) { words.push_back(id); };
  SplitAtSpecialTokens(text, /*normalized=*/false, special, [&](std::string_view raw) {
    SplitAtSpecialTokens(Normalize(raw), /*normalized=*/true, special,
                         [&](std::string_view part) { AppendWords(std::string(part), words); });
  });
  const size_t room = static_cast<size_t>(length_) - 2;
  Tokens tokens;
  if (words.size() > room) {
    tokens.truncated = static_cast<int>(words.size() - room);
    words.resize(room);
  }
  tokens.ids.push_back(begin_);
  tokens.ids.insert(tokens.ids.end(), words.begin(), words.end());
  tokens.ids.push_back(end_);
  tokens.ids.resize(static_cast<size_t>(length_), padding_);
  return tokens;
}

}  // namespace darkroom
