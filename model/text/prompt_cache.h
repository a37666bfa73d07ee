#ifndef DARKROOM_MODEL_TEXT_PROMPT_CACHE_H_
#define DARKROOM_MODEL_TEXT_PROMPT_CACHE_H_

#include <list>
#include <span>
#include <vector>

#include "model/text/prompt_encoder.h"

namespace darkroom {

// Encodes each prompt once and keeps what was asked for last: negative prompts and those of several
// images come again and again. Not thread-safe.
class PromptCache {
 public:
  // Prompts that are kept: 40 MB of SDXL's embeddings.
  static constexpr size_t kCapacity = 64;

  // Borrows the encoder. `one_by_one`: every prompt goes through it alone, so that its embedding
  // has the same bits whatever it was first asked for with.
  PromptCache(const PromptEncoder& encoder, bool one_by_one)
      : encoder_(encoder), one_by_one_(one_by_one), zeros_(encoder.Zeros()) {}

  // In order; equal prompts share their tensors, as does a prompt that is still kept. Torch's
  // exceptions pass, and leave the cache as it was.
  std::vector<PromptEmbedding> Encode(std::span<const PromptTexts> prompts);

  // PromptEncoder::Zeros, always the same tensors.
  const PromptEmbedding& zeros() const { return zeros_; }

  at::Device device() const { return encoder_.device(); }

 private:
  struct Entry {
    PromptTexts texts;
    PromptEmbedding embedding;
  };

  std::list<Entry>::iterator Find(const PromptTexts& texts);
  std::list<Entry> EncodeMissing(std::span<const PromptTexts> prompts);

  const PromptEncoder& encoder_;
  const bool one_by_one_;
  const PromptEmbedding zeros_;
  std::list<Entry> entries_;  // The last one asked for is the first.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_TEXT_PROMPT_CACHE_H_
