#include "model/sdxl_pipeline.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/sampling/request_noise.h"
#include "model/sdxl_checkpoint.h"

namespace darkroom {
namespace {

constexpr int64_t kDecodedPixelsAtOnce = 1 << 20;  // Bounds the decoder's memory.

// Guidance at 1 is the prompt's prediction alone, so diffusers leaves the other half out.
bool IsGuided(const ImageRequest& request) { return request.guidance_scale > 1; }

PromptTexts PositiveTexts(const ImageRequest& request) {
  return {request.prompt, request.prompt_2.empty() ? request.prompt : request.prompt_2};
}

PromptTexts NegativeTexts(const ImageRequest& request) {
  const std::string first = request.negative_prompt.value_or("");
  return {first, request.negative_prompt_2.empty() ? first : request.negative_prompt_2};
}

// [6], in the order of StableDiffusionXLPipeline._get_add_time_ids.
at::Tensor TimeIds(const MicroConditioning& c) {
  return at::tensor({static_cast<float>(c.original_size.height),
                     static_cast<float>(c.original_size.width), static_cast<float>(c.crop_top),
                     static_cast<float>(c.crop_left), static_cast<float>(c.target_size.height),
                     static_cast<float>(c.target_size.width)});
}

// One half of a row's guidance: what the UNet is told of the wanted, or of the unwanted, image.
struct Condition {
  PromptEmbedding prompt;
  at::Tensor time_ids;  // [6]
};

class SdxlImage final : public ImageInProgress {
 public:
  int truncated_tokens() const override {
    return std::max(positive.prompt.truncated, negative ? negative->prompt.truncated : 0);
  }

  at::Tensor latents;  // [channels, h, w]
  EulerDiscrete::Schedule schedule;
  size_t step = 0;
  float guidance_scale = 1;
  Condition positive;
  std::optional<Condition> negative;  // Absent: no guidance.
};

SdxlImage& AsSdxl(ImageInProgress* row) { return *static_cast<SdxlImage*>(row); }

// The distinct prompts of some requests, so that each is encoded once.
class PromptSet {
 public:
  size_t Add(const PromptTexts& texts) {
    const auto [place, is_new] =
        places_.emplace(std::pair(texts.first, texts.second), texts_.size());
    if (is_new) texts_.push_back(texts);
    return place->second;
  }
  std::span<const PromptTexts> texts() const { return texts_; }

 private:
  std::map<std::pair<std::string, std::string>, size_t> places_;
  std::vector<PromptTexts> texts_;
};

// A float for each row, as [rows, 1, 1, 1].
template <typename Value>
at::Tensor PerRow(std::span<SdxlImage* const> rows, const Value& value) {
  std::vector<float> values;
  for (const SdxlImage* row : rows) values.push_back(value(*row));
  return at::tensor(values).view({-1, 1, 1, 1});
}

RgbImage ToRgb(const at::Tensor& pixels) {  // [3, height, width], about -1 to 1.
  const at::Tensor bytes = ((pixels * 0.5 + 0.5).clamp(0, 1) * 255)
                               .round()
                               .to(at::kByte)
                               .permute({1, 2, 0})
                               .contiguous();
  RgbImage image;
  image.size = {static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1))};
  image.pixels.assign(bytes.const_data_ptr<uint8_t>(),
                      bytes.const_data_ptr<uint8_t>() + bytes.numel());
  return image;
}

// The edge of model/: runs `work` and turns what torch throws into a status.
template <typename Work>
auto CatchTorch(const Work& work) -> decltype(work()) try {
  const c10::InferenceMode inference;
  return work();
} catch (const c10::OutOfMemoryError& error) {
  return absl::ResourceExhaustedError(error.what_without_backtrace());
} catch (const c10::Error& error) {
  return absl::InternalError(error.what_without_backtrace());
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("out of memory");
} catch (const std::exception& error) {
  return absl::InternalError(error.what());
}

class SdxlPipeline final : public ImageGenerator {
 public:
  explicit SdxlPipeline(SdxlCheckpoint checkpoint) : checkpoint_(std::move(checkpoint)) {
    const int factor = static_cast<int>(checkpoint_.vae.config().factor());
    const int side = static_cast<int>(checkpoint_.unet.config().sample_size) * factor;
    info_ = {.id = checkpoint_.id,
             .device = "cpu",
             .dtype = "float32",
             .default_size = {side, side},
             .size_multiple = std::max(8, factor),
             .latent_factor = factor};
  }

  const ModelInfo& info() const override { return info_; }

  int StepCount(const ImageRequest& request) const override {
    return static_cast<int>(MakeSchedule(request).timesteps.size());
  }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override {
    return CatchTorch([&] { return StartRows(requests); });
  }

  absl::Status Step(std::span<ImageInProgress* const> rows) override {
    std::vector<SdxlImage*> images;
    for (ImageInProgress* row : rows) images.push_back(&AsSdxl(row));
    return CatchTorch([&]() -> absl::Status {
      StepRows(images);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override {
    return CatchTorch([&] { return FinishRows(rows); });
  }

 private:
  EulerDiscrete::Schedule MakeSchedule(const ImageRequest& request) const {
    const EulerDiscrete& scheduler = checkpoint_.scheduler;
    return scheduler.MakeSchedule(request.steps,
                                  request.spacing.value_or(scheduler.default_spacing()));
  }

  bool TakesZeros(const ImageRequest& request) const {
    return !request.negative_prompt && checkpoint_.zeros_for_absent_negative;
  }

  at::Tensor InitialLatents(const ImageRequest& request, float sigma) const {
    const int64_t channels = checkpoint_.unet.config().in_channels;
    return RequestNoise(request.seed, {channels, request.size.height / info_.latent_factor,
                                       request.size.width / info_.latent_factor}) *
           sigma;
  }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> StartRows(
      std::span<const ImageRequest* const> requests) const {
    PromptSet prompts;
    for (const ImageRequest* request : requests) {
      prompts.Add(PositiveTexts(*request));
      if (IsGuided(*request) && !TakesZeros(*request)) prompts.Add(NegativeTexts(*request));
    }
    const std::vector<PromptEmbedding> encoded = checkpoint_.prompts.Encode(prompts.texts());
    std::vector<std::unique_ptr<ImageInProgress>> rows;
    for (const ImageRequest* request : requests) {
      auto row = std::make_unique<SdxlImage>();
      row->schedule = MakeSchedule(*request);
      row->latents = InitialLatents(*request, row->schedule.initial_sigma);
      row->guidance_scale = static_cast<float>(request->guidance_scale);
      row->positive = {encoded[prompts.Add(PositiveTexts(*request))],
                       TimeIds(request->conditioning)};
      if (IsGuided(*request)) {
        row->negative = {TakesZeros(*request) ? checkpoint_.prompts.Zeros()
                                              : encoded[prompts.Add(NegativeTexts(*request))],
                         TimeIds(request->negative_conditioning)};
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

  // The predicted noise of all rows, guidance applied: [rows, channels, h, w]. One UNet pass: every
  // row's positive half, then the negative halves of those that have one.
  at::Tensor PredictNoise(std::span<SdxlImage* const> rows, const at::Tensor& latents) const {
    std::vector<const Condition*> conditions;
    std::vector<float> timesteps;
    std::vector<int64_t> guided;
    for (const SdxlImage* row : rows) {
      conditions.push_back(&row->positive);
      timesteps.push_back(row->schedule.timesteps[row->step]);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i]->negative) continue;
      conditions.push_back(&*rows[i]->negative);
      timesteps.push_back(timesteps[i]);
      guided.push_back(static_cast<int64_t>(i));
    }
    const at::Tensor guided_rows = at::tensor(guided, at::kLong);
    std::vector<at::Tensor> context, pooled, time_ids;
    for (const Condition* condition : conditions) {
      context.push_back(condition->prompt.tokens);
      pooled.push_back(condition->prompt.pooled);
      time_ids.push_back(condition->time_ids);
    }
    const at::Tensor predicted = checkpoint_.unet.Forward(
        {.latents = at::cat({latents, latents.index_select(0, guided_rows)}),
         .timesteps = at::tensor(timesteps),
         .context = at::stack(context),
         .pooled = at::stack(pooled),
         .time_ids = at::stack(time_ids)});
    const auto count = static_cast<int64_t>(rows.size());
    at::Tensor noise = predicted.slice(0, 0, count);
    if (guided.empty()) return noise;
    const at::Tensor scale = PerRow(rows, [](const SdxlImage& row) { return row.guidance_scale; });
    const at::Tensor unwanted = predicted.slice(0, count);
    const at::Tensor wanted = noise.index_select(0, guided_rows);
    return noise.index_copy(0, guided_rows,
                            unwanted + scale.index_select(0, guided_rows) * (wanted - unwanted));
  }

  void StepRows(std::span<SdxlImage* const> rows) const {
    std::vector<at::Tensor> all;
    for (const SdxlImage* row : rows) all.push_back(row->latents);
    const at::Tensor latents = at::stack(all);
    const at::Tensor sigmas =
        PerRow(rows, [](const SdxlImage& row) { return row.schedule.sigmas[row.step]; });
    const at::Tensor next_sigmas =
        PerRow(rows, [](const SdxlImage& row) { return row.schedule.sigmas[row.step + 1]; });
    const at::Tensor noise = PredictNoise(rows, ScaleModelInput(latents, sigmas));
    const at::Tensor next = EulerStep(latents, noise, sigmas, next_sigmas);
    for (size_t i = 0; i < rows.size(); ++i) {
      // A copy, for a row must not keep its mates' latents alive.
      rows[i]->latents = next[static_cast<int64_t>(i)].clone();
      ++rows[i]->step;
    }
  }

  absl::StatusOr<std::vector<RgbImage>> FinishRows(std::span<ImageInProgress* const> rows) const {
    std::vector<RgbImage> images;
    const at::Tensor& first = AsSdxl(rows.front()).latents;
    const int64_t pixels =
        first.size(1) * first.size(2) * info_.latent_factor * info_.latent_factor;
    const size_t at_once = static_cast<size_t>(std::max<int64_t>(1, kDecodedPixelsAtOnce / pixels));
    for (size_t begin = 0; begin < rows.size(); begin += at_once) {
      std::vector<at::Tensor> latents;
      for (ImageInProgress* row : rows.subspan(begin, std::min(at_once, rows.size() - begin))) {
        latents.push_back(AsSdxl(row).latents);
      }
      const at::Tensor decoded = checkpoint_.vae.Forward(at::stack(latents));
      if (!decoded.isfinite().all().item<bool>()) {
        return absl::InternalError("the model's output is not a number");
      }
      for (const at::Tensor& image : decoded.unbind()) images.push_back(ToRgb(image));
    }
    return images;
  }

  SdxlCheckpoint checkpoint_;
  ModelInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageGenerator>> LoadSdxlPipeline(const std::string& folder,
                                                                 int threads) {
  return CatchTorch([&]() -> absl::StatusOr<std::unique_ptr<ImageGenerator>> {
    if (threads > 0) at::set_num_threads(threads);
    absl::StatusOr<SdxlCheckpoint> checkpoint = SdxlCheckpoint::Load(folder);
    if (!checkpoint.ok()) return checkpoint.status();
    return std::make_unique<SdxlPipeline>(*std::move(checkpoint));
  });
}

}  // namespace darkroom
