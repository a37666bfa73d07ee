#include "model/sdxl_conditions.h"

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <utility>

namespace darkroom {
namespace {

PromptTexts PositiveTexts(const ImageRequest& request) {
  return {request.prompt, request.prompt_2.empty() ? request.prompt : request.prompt_2,
          request.clip_skip};
}

// Without the clip_skip: diffusers takes the negative prompt's penultimate layer always.
PromptTexts NegativeTexts(const ImageRequest& request) {
  const std::string first = request.negative_prompt.value_or("");
  return {first, request.negative_prompt_2.empty() ? first : request.negative_prompt_2};
}

at::Tensor TimeIds(const MicroConditioning& c, at::Device device) {
  return at::tensor({static_cast<float>(c.original_size.height),
                     static_cast<float>(c.original_size.width), static_cast<float>(c.crop_top),
                     static_cast<float>(c.crop_left), static_cast<float>(c.target_size.height),
                     static_cast<float>(c.target_size.width)})
      .to(device);
}

// Distinct prompts, by their place in the order of their first mention.
class PromptSet {
 public:
  size_t Add(const PromptTexts& texts) {
    const auto [place, is_new] = places_.emplace(texts, texts_.size());
    if (is_new) texts_.push_back(texts);
    return place->second;
  }
  std::span<const PromptTexts> texts() const { return texts_; }

 private:
  std::map<PromptTexts, size_t> places_;
  std::vector<PromptTexts> texts_;
};

std::vector<PromptEmbedding> EncodeOneByOne(const PromptEncoder& encoder,
                                            std::span<const PromptTexts> prompts) {
  std::vector<PromptEmbedding> encoded;
  for (const PromptTexts& prompt : prompts) {
    encoded.push_back(encoder.Encode({&prompt, 1}).front());
  }
  return encoded;
}

}  // namespace

std::vector<Conditions> MakeConditions(const PromptEncoder& encoder, bool one_by_one,
                                       bool zeros_for_absent_negative,
                                       std::span<const ImageRequest* const> requests) {
  const auto takes_zeros = [&](const ImageRequest& request) {
    return !request.negative_prompt && zeros_for_absent_negative;
  };
  PromptSet prompts;
  for (const ImageRequest* request : requests) {
    prompts.Add(PositiveTexts(*request));
    if (IsGuided(*request) && !takes_zeros(*request)) prompts.Add(NegativeTexts(*request));
  }
  const std::vector<PromptEmbedding> encoded =
      one_by_one ? EncodeOneByOne(encoder, prompts.texts()) : encoder.Encode(prompts.texts());
  std::vector<Conditions> conditions;
  for (const ImageRequest* request : requests) {
    Conditions& c = conditions.emplace_back();
    c.positive = {encoded[prompts.Add(PositiveTexts(*request))],
                  TimeIds(request->conditioning, encoder.device())};
    if (!IsGuided(*request)) continue;
    c.negative = {
        takes_zeros(*request) ? encoder.Zeros() : encoded[prompts.Add(NegativeTexts(*request))],
        TimeIds(request->negative_conditioning, encoder.device())};
  }
  return conditions;
}

}  // namespace darkroom
