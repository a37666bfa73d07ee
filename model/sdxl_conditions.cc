#include "model/sdxl_conditions.h"

#include <ATen/ATen.h>

#include <string>

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

}  // namespace

std::vector<Conditions> MakeConditions(PromptCache& prompts, bool zeros_for_absent_negative,
                                       std::span<const ImageRequest* const> requests) {
  const auto takes_zeros = [&](const ImageRequest& request) {
    return !request.negative_prompt && zeros_for_absent_negative;
  };
  std::vector<PromptTexts> texts;  // Every request's, and then its negative one's.
  for (const ImageRequest* request : requests) {
    texts.push_back(PositiveTexts(*request));
    if (IsGuided(*request) && !takes_zeros(*request)) texts.push_back(NegativeTexts(*request));
  }
  const std::vector<PromptEmbedding> encoded = prompts.Encode(texts);
  auto next = encoded.begin();
  std::vector<Conditions> conditions;
  for (const ImageRequest* request : requests) {
    Conditions& c = conditions.emplace_back();
    c.positive = {*next++, TimeIds(request->conditioning, prompts.device())};
    if (!IsGuided(*request)) continue;
    c.negative = {takes_zeros(*request) ? prompts.zeros() : *next++,
                  TimeIds(request->negative_conditioning, prompts.device())};
  }
  return conditions;
}

}  // namespace darkroom
