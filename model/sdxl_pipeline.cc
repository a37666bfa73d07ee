#include "model/sdxl_pipeline.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/first_latents.h"
#include "model/gpu.h"
#include "model/guidance.h"
#include "model/memory_meter.h"
#include "model/sampling/pass_range.h"
#include "model/sampling/request_noise.h"
#include "model/sampling/sampler.h"
#include "model/sdxl_checkpoint.h"
#include "model/sdxl_conditions.h"
#include "model/unet/unet_runner.h"
#include "model/vae/latent_preview.h"
#include "model/vae/rgb.h"

namespace darkroom {
namespace {

class SdxlImage final : public ImageInProgress {
 public:
  SdxlImage(Conditions c, std::unique_ptr<Sampler> s, RequestNoise n)
      : conditions(std::move(c)), sampler(std::move(s)), noise(std::move(n)) {}

  int truncated_tokens() const override { return conditions.truncated_tokens(); }
  bool decoded_twice() const override { return was_decoded_twice; }

  Conditions conditions;
  std::unique_ptr<Sampler> sampler;
  RequestNoise noise;
  at::Tensor latents;   // [channels, h, w]
  at::Tensor denoised;  // Likewise; what the last step took the latents for, without noise.
  double guidance_scale = 1;
  double guidance_rescale = 0;
  bool was_decoded_twice = false;
};

SdxlImage& AsSdxl(ImageInProgress* row) { return *static_cast<SdxlImage*>(row); }

// What the UNet is asked in a pass: one half of a row's guidance.
struct Sample {
  at::Tensor latents;
  float timestep = 0;
  const Condition* condition = nullptr;
};

// What a step makes of a row.
struct StepResult {
  std::unique_ptr<Sampler> sampler;
  RequestNoise noise;
  at::Tensor denoised, latents;
};

bool IsFinite(const at::Tensor& t) { return t.isfinite().all().item<bool>(); }

absl::StatusOr<RgbImage> ToImage(const at::Tensor& pixels) {
  if (IsFinite(pixels)) return ToRgb(pixels);
  return absl::DataLossError("the model's output is not a number");
}

// A GPU after an error in a kernel fails everything that follows: then it is lost.
absl::Status ErrorOn(c10::Device device, const c10::Error& error) {
  if (device.is_cuda() && !StillWorks(device)) {
    return absl::UnavailableError(
        absl::StrCat("the GPU is lost: ", error.what_without_backtrace()));
  }
  return absl::InternalError(error.what_without_backtrace());
}

// The edge of model/: runs `work` on the device and turns what torch throws into a status.
template <typename Work>
auto CatchTorch(c10::Device device, const Work& work) -> decltype(work()) try {
  const c10::InferenceMode inference;
  const c10::DeviceGuard current(device);
  return work();
} catch (const c10::OutOfMemoryError& error) {
  return absl::ResourceExhaustedError(error.what_without_backtrace());
} catch (const c10::Error& error) {
  return ErrorOn(device, error);
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("out of memory");
} catch (const std::exception& error) {
  return absl::InternalError(error.what());
}

class SdxlPipeline final : public ImageGenerator {
 public:
  SdxlPipeline(SdxlCheckpoint checkpoint, int padded_rows)
      : checkpoint_(std::move(checkpoint)),
        preview_(checkpoint_.exact_vae ? *checkpoint_.exact_vae : checkpoint_.vae),
        prompts_(checkpoint_.prompts, /*one_by_one=*/padded_rows > 0),
        runner_(checkpoint_.unet),
        padded_rows_(static_cast<size_t>(padded_rows)) {
    const int factor = static_cast<int>(checkpoint_.vae.config().factor());
    const int side = static_cast<int>(checkpoint_.unet.config().sample_size) * factor;
    info_ = {.id = checkpoint_.id,
             .hash = checkpoint_.hash,
             .device = device().str(),
             .dtype = NameOf(checkpoint_.dtype),
             .vae_dtype = NameOf(checkpoint_.vae_dtype),
             .libtorch = TORCH_VERSION,
             .cuda = device().is_cuda() ? GpuLibraries() : "",
             .default_size = {side, side},
             .size_multiple = std::max(8, factor),
             .latent_factor = factor,
             .warms_by_shape = device().is_cuda(),  // UNetRunner records passes there.
             .max_clip_skip = static_cast<int>(checkpoint_.prompts.max_clip_skip()),
             .max_lcm_steps = checkpoint_.scheduler.max_lcm_steps(),
             .default_scheduler = checkpoint_.scheduler.default_type()};
  }

  const ModelInfo& info() const override { return info_; }

  int StepCount(const ImageRequest& request) const override {
    const c10::InferenceMode inference;
    return PassesOf(request, *MakeSampler(request), checkpoint_.scheduler.train_timesteps())
        .count();
  }

  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override {
    return CatchTorch(device(), [&] { return StartRows(requests); });
  }

  absl::Status Step(std::span<ImageInProgress* const> rows) override {
    if (rows.empty()) return absl::OkStatus();
    if (is_padded() && rows.size() > padded_rows_) {
      return absl::InvalidArgumentError(
          absl::StrCat(rows.size(), " rows in a pass padded to ", padded_rows_));
    }
    std::vector<SdxlImage*> images;
    for (ImageInProgress* row : rows) images.push_back(&AsSdxl(row));
    return CatchTorch(device(), [&]() -> absl::Status {
      StepRows(images);
      // Who measures this call measures the GPU's work, and what fails in it fails here.
      if (device().is_cuda()) WaitForGpu(device());
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override {
    return CatchTorch(device(), [&] { return FinishRows(rows); });
  }

  absl::StatusOr<RgbImage> Preview(const ImageInProgress& row) override {
    return CatchTorch(device(), [&] {
      return ToImage(preview_.Decode(static_cast<const SdxlImage&>(row).denoised));
    });
  }

  int64_t PeakBytesOf(absl::FunctionRef<void()> work) override {
    return device().is_cuda() ? GpuPeakBytesOf(device(), work) : darkroom::PeakBytesOf(work);
  }
  int64_t AvailableBytes() const override {
    return device().is_cuda() ? GpuAvailableBytes(device()) : darkroom::AvailableBytes();
  }
  int64_t TotalBytes() const override {
    return device().is_cuda() ? GpuTotalBytes(device()) : darkroom::TotalBytes();
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
      std::span<const ImageRequest* const> requests) {
    std::vector<Conditions> conditions =
        MakeConditions(prompts_, checkpoint_.zeros_for_absent_negative, requests);
    const std::vector<at::Tensor> encoded = EncodeInitImages(checkpoint_.vae, requests);
    std::vector<std::unique_ptr<ImageInProgress>> rows;
    for (size_t i = 0; i < requests.size(); ++i) {
      const ImageRequest& request = *requests[i];
      auto row = std::make_unique<SdxlImage>(
          std::move(conditions[i]), MakeSampler(request),
          RequestNoise(request.seed, request.generator_device,
                       at::TensorOptions(device()).dtype(checkpoint_.unet.dtype())));
      const int64_t train_timesteps = checkpoint_.scheduler.train_timesteps();
      row->sampler->SkipTo(PassesOf(request, *row->sampler, train_timesteps).begin);
      row->latents = FirstLatents(request, checkpoint_.vae, encoded[i], LatentShape(request),
                                  *row->sampler, row->noise);
      row->denoised = row->sampler->ScaleModelInput(row->latents);
      row->guidance_scale = request.guidance_scale;
      row->guidance_rescale = request.guidance_rescale;
      rows.push_back(std::move(row));
    }
    return rows;
  }

  // All samples of one pass: every row's positive half, then the negative halves of those that have
  // one, then copies of the first sample for padding.
  std::vector<Sample> SamplesOf(std::span<SdxlImage* const> rows) const {
    std::vector<Sample> samples;
    for (const SdxlImage* row : rows) {
      samples.push_back({row->sampler->ScaleModelInput(row->latents), row->sampler->timestep(),
                         &row->conditions.positive});
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::optional<Condition>& negative = rows[i]->conditions.negative;
      if (negative) samples.push_back({samples[i].latents, samples[i].timestep, &*negative});
    }
    if (is_padded()) samples.resize(2 * padded_rows_, Sample(samples.front()));
    return samples;
  }

  // One UNet pass: [samples, channels, h, w].
  at::Tensor Predict(const std::vector<Sample>& samples) {
    std::vector<at::Tensor> latents, context, pooled, time_ids;
    std::vector<float> timesteps;
    for (const Sample& sample : samples) {
      latents.push_back(sample.latents);
      timesteps.push_back(sample.timestep);
      context.push_back(sample.condition->prompt.tokens);
      pooled.push_back(sample.condition->prompt.pooled);
      time_ids.push_back(sample.condition->time_ids);
    }
    return runner_.Predict({.latents = at::stack(latents),
                            .timesteps = at::tensor(timesteps).to(device()),
                            .contexts = context,
                            .pooled = at::stack(pooled),
                            .time_ids = at::stack(time_ids)});
  }

  // The predicted noise of each row, guidance applied: [channels, h, w].
  std::vector<at::Tensor> PredictNoise(std::span<SdxlImage* const> rows) {
    const std::vector<at::Tensor> predicted = Predict(SamplesOf(rows)).unbind();
    std::vector<at::Tensor> noise;
    size_t negative = rows.size();  // Where the next negative half is.
    for (size_t i = 0; i < rows.size(); ++i) {
      noise.push_back(rows[i]->conditions.negative
                          ? Guide(predicted[i], predicted[negative++], rows[i]->guidance_scale,
                                  rows[i]->guidance_rescale)
                          : predicted[i]);
    }
    return noise;
  }

  void StepRows(std::span<SdxlImage* const> rows) {
    const std::vector<at::Tensor> predictions = PredictNoise(rows);
    // What throws on the way leaves every row as it was: new state takes its place at the very end.
    std::vector<StepResult> results;
    for (size_t i = 0; i < rows.size(); ++i) {
      StepResult result{rows[i]->sampler->Clone(), rows[i]->noise.Clone(), {}, {}};
      result.denoised = result.sampler->Denoised(predictions[i], rows[i]->latents);
      result.latents = result.sampler->Step(predictions[i], rows[i]->latents, result.noise);
      results.push_back(std::move(result));
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i]->sampler = std::move(results[i].sampler);
      rows[i]->noise = std::move(results[i].noise);
      rows[i]->denoised = std::move(results[i].denoised);
      rows[i]->latents = std::move(results[i].latents);
    }
  }

  // [rows, channels, h, w] -> [rows, 3, height, width]
  at::Tensor Decode(const at::Tensor& latents) const {
    std::vector<at::Tensor> decoded;
    for (const at::Tensor& part : latents.split(is_padded() ? 1 : latents.size(0))) {
      decoded.push_back(checkpoint_.vae.Decode(part));
    }
    return at::cat(decoded);
  }

  // The row's pixels, [3, height, width], decoded once more where they overflowed `decoded`.
  at::Tensor Exact(const at::Tensor& decoded, SdxlImage& row) const {
    if (!checkpoint_.exact_vae || IsFinite(decoded) || !IsFinite(row.latents)) return decoded;
    row.was_decoded_twice = true;
    return checkpoint_.exact_vae->Decode(row.latents.unsqueeze(0)).squeeze(0);
  }

  absl::StatusOr<std::vector<RgbImage>> FinishRows(std::span<ImageInProgress* const> rows) const {
    std::vector<at::Tensor> latents;
    for (ImageInProgress* row : rows) latents.push_back(AsSdxl(row).latents);
    const at::Tensor decoded = Decode(at::stack(latents));
    std::vector<RgbImage> images;
    for (size_t i = 0; i < rows.size(); ++i) {
      absl::StatusOr<RgbImage> image =
          ToImage(Exact(decoded[static_cast<int64_t>(i)], AsSdxl(rows[i])));
      if (!image.ok()) return image.status();
      images.push_back(*std::move(image));
    }
    return images;
  }

  at::Device device() const { return checkpoint_.unet.device(); }
  bool is_padded() const { return padded_rows_ > 0; }

  SdxlCheckpoint checkpoint_;
  LatentPreview preview_;
  PromptCache prompts_;
  UNetRunner runner_;
  size_t padded_rows_;  // As SdxlOptions has it.
  ModelInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageGenerator>> LoadSdxlPipeline(const std::string& folder,
                                                                 const SdxlOptions& options) {
  return CatchTorch(c10::kCPU, [&]() -> absl::StatusOr<std::unique_ptr<ImageGenerator>> {
    at::Device device = at::kCPU;
    if (options.gpu) {
      absl::StatusOr<at::Device> gpu = OpenGpu(*options.gpu, options.padded_rows > 0);
      if (!gpu.ok()) return gpu.status();
      device = *gpu;
    }
    const c10::DeviceGuard current(device);
    if (options.threads > 0) at::set_num_threads(options.threads);
    absl::StatusOr<SdxlCheckpoint> checkpoint =
        SdxlCheckpoint::Load(folder, device, options.dtype, options.vae_dtype);
    if (!checkpoint.ok()) return checkpoint.status();
    return std::make_unique<SdxlPipeline>(*std::move(checkpoint), std::max(0, options.padded_rows));
  });
}

}  // namespace darkroom
