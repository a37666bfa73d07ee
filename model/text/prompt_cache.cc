#include "model/text/prompt_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace darkroom {

std::list<PromptCache::Entry>::iterator PromptCache::Find(const PromptTexts& texts) {
  return std::ranges::find(entries_, texts, &Entry::texts);
}

std::list<PromptCache::Entry> PromptCache::EncodeMissing(std::span<const PromptTexts> prompts) {
  std::vector<PromptTexts> missing;
  for (const PromptTexts& texts : prompts) {
    if (Find(texts) == entries_.end() && std::ranges::find(missing, texts) == missing.end()) {
      missing.push_back(texts);
    }
  }
  std::list<Entry> entries;
  const size_t at_once = one_by_one_ ? 1 : std::max<size_t>(missing.size(), 1);
  for (size_t begin = 0; begin < missing.size(); begin += at_once) {
    const std::span<const PromptTexts> part = std::span(missing).subspan(begin, at_once);
    std::vector<PromptEmbedding> encoded = encoder_.Encode(part);
    for (size_t i = 0; i < part.size(); ++i) entries.push_back({part[i], std::move(encoded[i])});
  }
  return entries;
}

std::vector<PromptEmbedding> PromptCache::Encode(std::span<const PromptTexts> prompts) {
  entries_.splice(entries_.begin(), EncodeMissing(prompts));
  std::vector<PromptEmbedding> embeddings;
  for (const PromptTexts& texts : prompts) {
    entries_.splice(entries_.begin(), entries_, Find(texts));
    embeddings.push_back(entries_.front().embedding);
  }
  if (entries_.size() > kCapacity) entries_.resize(kCapacity);
  return embeddings;
}

}  // namespace darkroom
