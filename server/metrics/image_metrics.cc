#include "server/metrics/image_metrics.h"

namespace darkroom {
namespace {

const MetricBuckets kStageSeconds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                     0.2,    0.5,   1,     2,     5,    10,   30};
const MetricBuckets kFileBytes = {1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19,
                                  1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24};

const std::map<Stage, const char*> kStages = {{Stage::kParse, "parse"},
                                              {Stage::kTextEncode, "text_encode"},
                                              {Stage::kDenoiseStep, "denoise_step"},
                                              {Stage::kVaeDecode, "vae_decode"},
                                              {Stage::kEncode, "encode"},
                                              {Stage::kSend, "send"}};

const std::map<v1::ImageFormat, const char*> kFormats = {{v1::IMAGE_FORMAT_PNG, "png"},
                                                         {v1::IMAGE_FORMAT_WEBP, "webp"},
                                                         {v1::IMAGE_FORMAT_JPEG, "jpeg"},
                                                         {v1::IMAGE_FORMAT_RAW_RGB, "raw_rgb"}};

}  // namespace

ImageMetrics::ImageMetrics(prometheus::Registry& registry, const std::string& model)
    : nan_retries_(AddCounter(registry, "darkroom_nan_retries_total",
                              "Images that overflowed and were decoded again in float32.")) {
  for (const auto& [stage, name] : kStages) {
    stages_[stage] = &AddHistogram(registry, "darkroom_stage_duration_seconds",
                                   "Time of one run of a stage, over all its rows.", kStageSeconds,
                                   {{"stage", name}});
  }
  for (size_t i = 0; i < kSizeClasses.size(); ++i) {
    images_[i] = &AddCounter(registry, "darkroom_images_total", "Images made.",
                             {{"model", model}, {"size_class", kSizeClasses[i]}});
  }
  for (const auto& [format, name] : kFormats) {
    packed_[format] = {&AddCounter(registry, "darkroom_response_bytes_total",
                                   "Bytes of the images that were packed.", {{"format", name}}),
                       &AddHistogram(registry, "darkroom_response_size_bytes", "Bytes of an image.",
                                     kFileBytes, {{"format", name}})};
  }
}

void ImageMetrics::OnStage(Stage stage, absl::Duration took) {
  stages_.at(stage)->Observe(absl::ToDoubleSeconds(took));
}

void ImageMetrics::OnPacked(v1::ImageFormat format, size_t bytes) {
  const Packed& packed = packed_.at(format);
  packed.bytes->Increment(static_cast<double>(bytes));
  packed.sizes->Observe(static_cast<double>(bytes));
}

}  // namespace darkroom
