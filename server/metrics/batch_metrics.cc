#include "server/metrics/batch_metrics.h"

namespace darkroom {
namespace {

const MetricBuckets kBatchSizes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
const MetricBuckets kStepSeconds = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2};
// An image of 1024 x 1024. A power of two, so that what is added and taken off again leaves zero.
constexpr double kPixelsPerMegapixel = 1 << 20;

const std::map<Priority, const char*> kPriorityNames = {
    {Priority::kHigh, "high"}, {Priority::kNormal, "normal"}, {Priority::kLow, "low"}};

const std::map<StartTrigger, const char*> kTriggers = {
    {StartTrigger::kFull, "full"},   {StartTrigger::kWindow, "window"},
    {StartTrigger::kDrain, "drain"}, {StartTrigger::kDeadline, "deadline"},
    {StartTrigger::kJoin, "join"},   {StartTrigger::kBacklog, "backlog"}};

const std::map<RowStage, const char*> kStages = {
    {RowStage::kQueued, "queued"}, {RowStage::kDenoise, "denoise"}, {RowStage::kDecode, "decode"}};

const char* FailureReason(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return "oom";
  if (absl::IsDataLoss(status)) return "nan";
  if (absl::IsUnavailable(status)) return "device";
  return "exception";
}

const char* LossReason(const absl::Status& status) {
  if (absl::IsCancelled(status)) return "cancelled";
  if (absl::IsDeadlineExceeded(status)) return "deadline";
  if (absl::IsUnavailable(status)) return "drained";
  return "failed";
}

}  // namespace

BatchMetrics::BatchMetrics(prometheus::Registry& registry, const std::string& model,
                           int64_t queue_limit)
    : cost_(AddGauge(registry, "darkroom_queue_cost",
                     "Megapixels (1024 x 1024) times steps of the images that wait.")),
      running_(AddGauge(registry, "darkroom_running_images", "Images under way on the devices.")),
      tenants_(AddGauge(registry, "darkroom_tenants_tracked",
                        "Tenants with images, once for each device.")),
      window_(AddHistogram(registry, "darkroom_batch_window_seconds",
                           "How long an idle device's batch waited for company.", kWaitSeconds)),
      batch_size_(AddHistogram(registry, "darkroom_batch_size_images",
                               "Rows in a UNet pass, observed once per pass.", kBatchSizes)),
      padding_(AddCounter(registry, "darkroom_padded_samples_total",
                          "UNet samples that only filled a pass to its fixed shape.")),
      steps_(AddCounter(registry, "darkroom_denoise_steps_total", "Denoising steps of all rows.",
                        {{"model", model}})),
      out_of_memory_(
          AddCounter(registry, "darkroom_oom_total", "Device calls that ran out of memory.")) {
  AddQueue(registry, queue_limit);
  AddStarts(registry);
  AddFailures(registry);
}

void BatchMetrics::AddQueue(prometheus::Registry& registry, int64_t queue_limit) {
  AddGauge(registry, "darkroom_queue_limit", "Images that may wait.")
      .Set(static_cast<double>(queue_limit));
  for (const auto& [priority, name] : kPriorityNames) {
    const auto index = static_cast<size_t>(priority);
    depth_[index] = &AddGauge(registry, "darkroom_queue_depth", "Images waiting for the device.",
                              {{"priority", name}});
    for (size_t i = 0; i < kSizeClasses.size(); ++i) {
      waits_[index][i] =
          &AddHistogram(registry, "darkroom_queue_wait_seconds",
                        "From an image's acceptance to its first work on the device.", kWaitSeconds,
                        {{"priority", name}, {"size_class", kSizeClasses[i]}});
    }
  }
}

void BatchMetrics::AddStarts(prometheus::Registry& registry) {
  for (const auto& [trigger, name] : kTriggers) {
    starts_[trigger] =
        &AddCounter(registry, "darkroom_batches_total",
                    "Times that images left the queue together, by why then.", {{"trigger", name}});
  }
  for (size_t i = 0; i < kSizeClasses.size(); ++i) {
    step_times_[i] = &AddHistogram(registry, "darkroom_step_duration_seconds",
                                   "Time of a UNet pass, by the size of its images.", kStepSeconds,
                                   {{"size_class", kSizeClasses[i]}});
  }
}

void BatchMetrics::AddFailures(prometheus::Registry& registry) {
  for (const char* reason : {"oom", "nan", "exception"}) {
    splits_[reason] = &AddCounter(registry, "darkroom_batch_splits_total",
                                  "Device calls that failed and were repeated in two halves.",
                                  {{"reason", reason}});
  }
  for (const char* reason : {"oom", "nan", "exception", "device", "watchdog"}) {
    failures_[reason] =
        &AddCounter(registry, "darkroom_batch_failures_total",
                    "Device calls that failed for good, with their rows.", {{"reason", reason}});
  }
  for (const auto& [stage, name] : kStages) {
    cancelled_[stage] =
        &AddCounter(registry, "darkroom_cancelled_total",
                    "Images whose callers left, by how far they had come.", {{"stage", name}});
  }
  for (const char* reason : {"cancelled", "deadline", "drained", "failed"}) {
    wasted_[reason] =
        &AddCounter(registry, "darkroom_wasted_step_seconds_total",
                    "Device time that went into images nobody got.", {{"reason", reason}});
  }
}

void BatchMetrics::OnHouse(const HouseCounts& change) {
  for (size_t i = 0; i < kPriorities; ++i) {
    depth_[i]->Increment(static_cast<double>(change.waiting[i]));
  }
  running_.Increment(static_cast<double>(change.running));
  cost_.Increment(static_cast<double>(change.pixel_steps) / kPixelsPerMegapixel);
  tenants_.Increment(static_cast<double>(change.tenants));
}

void BatchMetrics::OnQueueWait(Priority priority, int64_t pixels, absl::Duration waited) {
  waits_[static_cast<size_t>(priority)][SizeClassOf(pixels)]->Observe(
      absl::ToDoubleSeconds(waited));
}

void BatchMetrics::OnStart(StartTrigger trigger, absl::Duration waited) {
  starts_.at(trigger)->Increment();
  if (trigger == StartTrigger::kJoin || trigger == StartTrigger::kBacklog) return;
  window_.Observe(absl::ToDoubleSeconds(waited));
}

void BatchMetrics::OnPass(const PassReport& pass) {
  batch_size_.Observe(pass.rows);
  steps_.Increment(pass.rows);
  padding_.Increment(pass.padding);
  step_times_[SizeClassOf(pass.pixels)]->Observe(absl::ToDoubleSeconds(pass.took));
}

void BatchMetrics::OnFailedCall(const absl::Status& why, bool is_split) {
  if (absl::IsResourceExhausted(why)) out_of_memory_.Increment();
  (is_split ? splits_ : failures_).at(FailureReason(why))->Increment();
}

void BatchMetrics::OnLostRow(const LostRow& row) {
  if (absl::IsCancelled(row.reason)) cancelled_.at(row.stage)->Increment();
  wasted_.at(LossReason(row.reason))->Increment(absl::ToDoubleSeconds(row.device_time));
}

}  // namespace darkroom
