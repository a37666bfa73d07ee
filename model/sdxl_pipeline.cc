#include "model/sdxl_pipeline.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/guidance.h"
#include "model/sampling/request_noise.h"
#include "model/sampling/sampler.h"
#include "model/sdxl_checkpoint.h"
#include "model/sdxl_conditions.h"

namespace darkroom {
namespace {

constexpr int64_t kDecodedPixelsAtOnce = 1 << 20;  // Bounds the decoder's memory.

class SdxlImage final : public ImageInProgress {
 public:
  SdxlImage(Conditions c, std::unique_ptr<Sampler> s, RequestNoise n)
      : conditions(std::move(c)), sampler(std::move(s)), noise(std::move(n)) {}

  int truncated_tokens() const override { return conditions.truncated_tokens(); }

  Conditions conditions;
  std::unique_ptr<Sampler> sampler;
  RequestNoise noise;
  at::Tensor latents;  // [channels, h, w]
  float guidance_scale = 1;
  float guidance_rescale = 0;
};

SdxlImage& AsSdxl(ImageInProgress* row) { return *static_cast<SdxlImage*>(row); }

// What a step makes of a row.
struct StepResult {
  std::unique_ptr<Sampler> sampler;
  RequestNoise noise;
  at::Tensor latents;
};

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
             .latent_factor = factor,
             .max_clip_skip = static_cast<int>(checkpoint_.prompts.max_clip_skip()),
             .max_lcm_steps = checkpoint_.scheduler.max_lcm_steps(),
             .default_scheduler = checkpoint_.scheduler.default_type()};
  }

  const ModelInfo& info() const override { return info_; }

  int StepCount(const ImageRequest& request) const override {
    const c10::InferenceMode inference;
    const std::unique_ptr<Sampler> sampler = MakeSampler(request);
    const std::vector<double>& timesteps = sampler->timesteps();
    if (request.denoising_end >= 1) return static_cast<int>(timesteps.size());
    const auto train = static_cast<double>(checkpoint_.scheduler.train_timesteps());
    const double cutoff = std::nearbyint(train - request.denoising_end * train);
    return static_cast<int>(std::count_if(timesteps.begin(), timesteps.end(),
                                          [&](double timestep) { return timestep >= cutoff; }));
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
  std::unique_ptr<Sampler> MakeSampler(const ImageRequest& request) const {
    const Scheduler& scheduler = checkpoint_.scheduler;
    return scheduler.MakeSampler(request.scheduler, request.steps, request.spacing);
  }

  std::vector<int64_t> LatentShape(const ImageRequest& request) const {
    return {checkpoint_.unet.config().in_channels, request.size.height / info_.latent_factor,
            request.size.width / info_.latent_factor};
  }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> StartRows(
      std::span<const ImageRequest* const> requests) const {
    std::vector<Conditions> conditions =
        MakeConditions(checkpoint_.prompts, checkpoint_.zeros_for_absent_negative, requests);
    std::vector<std::unique_ptr<ImageInProgress>> rows;
    for (size_t i = 0; i < requests.size(); ++i) {
      const ImageRequest& request = *requests[i];
      auto row = std::make_unique<SdxlImage>(std::move(conditions[i]), MakeSampler(request),
                                             RequestNoise(request.seed));
      row->latents = row->noise.Draw(LatentShape(request)) * row->sampler->initial_sigma();
      row->guidance_scale = static_cast<float>(request.guidance_scale);
      row->guidance_rescale = static_cast<float>(request.guidance_rescale);
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
      conditions.push_back(&row->conditions.positive);
      timesteps.push_back(row->sampler->timestep());
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i]->conditions.negative) continue;
      conditions.push_back(&*rows[i]->conditions.negative);
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
    const auto of_guided = [&](float SdxlImage::*field) {  // [guided rows, 1, 1, 1]
      std::vector<float> values;
      for (const int64_t i : guided) values.push_back(rows[static_cast<size_t>(i)]->*field);
      return at::tensor(values).view({-1, 1, 1, 1});
    };
    const at::Tensor steered =
        Guide(noise.index_select(0, guided_rows), predicted.slice(0, count),
              of_guided(&SdxlImage::guidance_scale), of_guided(&SdxlImage::guidance_rescale));
    return noise.index_copy(0, guided_rows, steered);
  }

  void StepRows(std::span<SdxlImage* const> rows) const {
    std::vector<at::Tensor> inputs;
    for (const SdxlImage* row : rows) inputs.push_back(row->sampler->ScaleModelInput(row->latents));
    const at::Tensor predictions = PredictNoise(rows, at::stack(inputs));
    // What throws on the way leaves every row as it was: new state takes its place at the very end.
    std::vector<StepResult> results;
    for (size_t i = 0; i < rows.size(); ++i) {
      StepResult result{rows[i]->sampler->Clone(), rows[i]->noise.Clone(), {}};
      result.latents = result.sampler->Step(predictions[static_cast<int64_t>(i)], rows[i]->latents,
                                            result.noise);
      results.push_back(std::move(result));
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i]->sampler = std::move(results[i].sampler);
      rows[i]->noise = std::move(results[i].noise);
      rows[i]->latents = std::move(results[i].latents);
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
