#include "server/generation_stats.h"

#include <algorithm>

#include "server/generation_parameters.h"
#include "server/proto_duration.h"

namespace darkroom {
namespace {

void SummarizeBatches(std::span<const ImageReport> reports,
                      v1::GenerationStats::BatchSizes& sizes) {
  int min = reports.front().min_batch;
  int max = 0;
  int64_t sum = 0;
  int64_t passes = 0;
  for (const ImageReport& report : reports) {
    min = std::min(min, report.min_batch);
    max = std::max(max, report.max_batch);
    sum += report.batch_sum;
    passes += report.passes;
  }
  sizes.set_min(static_cast<uint32_t>(min));
  sizes.set_max(static_cast<uint32_t>(max));
  sizes.set_mean(static_cast<double>(sum) / static_cast<double>(std::max<int64_t>(passes, 1)));
}

}  // namespace

v1::GenerationStats SummarizeReports(std::span<const ImageReport> reports, absl::Duration packing,
                                     const ImageRequest& request, const ModelInfo& model) {
  const auto time_of = [](const ImageReport& report) {
    return report.queue_wait + report.text_encoding + report.denoising + report.decoding;
  };
  const ImageReport& slowest = *std::max_element(
      reports.begin(), reports.end(),
      [&](const ImageReport& a, const ImageReport& b) { return time_of(a) < time_of(b); });
  v1::GenerationStats stats;
  SetDuration(slowest.queue_wait, stats.mutable_queue_wait());
  SetDuration(slowest.text_encoding, stats.mutable_text_encoding());
  SetDuration(slowest.denoising, stats.mutable_denoising());
  SetDuration(slowest.decoding, stats.mutable_decoding());
  SetDuration(packing, stats.mutable_encoding());
  SummarizeBatches(reports, *stats.mutable_batch_sizes());
  stats.set_model(model.id);
  stats.set_model_hash(model.hash);
  stats.set_generator_device(NameOf(request.generator_device).device);
  stats.set_dtype(model.dtype);
  stats.set_scheduler(NameOf(request.scheduler).scheduler);
  stats.set_num_inference_steps(static_cast<uint32_t>(request.steps));
  stats.set_guidance_scale(request.guidance_scale);
  stats.set_width(static_cast<uint32_t>(request.size.width));
  stats.set_height(static_cast<uint32_t>(request.size.height));
  stats.set_truncated_tokens(static_cast<uint32_t>(slowest.truncated_tokens));
  stats.set_server_version(DARKROOM_VERSION);
  return stats;
}

}  // namespace darkroom
