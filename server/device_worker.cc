#include "server/device_worker.h"

#include <algorithm>
#include <utility>

#include "batcher/admission.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr absl::Duration kMemoryInterval = absl::Seconds(1);

// The generator's errors, told apart from the queue's.
absl::Status AsDeviceError(absl::Status status) {
  if (absl::IsResourceExhausted(status)) {
    return WithReason(std::move(status), kReasonDeviceOutOfMemory);
  }
  if (absl::IsUnavailable(status)) return WithReason(std::move(status), kReasonDeviceLost);
  return status;
}

// What callers get to know of a row's end.
absl::Status AsAnswer(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return WithReason(absl::InternalError(status.message()), kReasonNanOutput);
}

absl::Status AsQueueError(absl::Status status, const std::string& tenant) {
  if (!status.GetPayload(kTenantFull)) return status;
  return WithQuotaFailure(WithReason(std::move(status), kReasonTenantQueueFull), tenant);
}

}  // namespace

DeviceWorker::DeviceWorker(ImageGenerator& generator, const BatchOptions& options,
                           const DeviceProfile& profile, Clock& clock, Metrics& metrics,
                           OnLost on_lost)
    : generator_(generator),
      clock_(clock),
      metrics_(metrics),
      on_lost_(std::move(on_lost)),
      batcher_(options, profile, clock, *this, metrics.batches) {
  SampleMemory();
}

RowId DeviceWorker::ReserveRows(size_t count) {
  absl::MutexLock lock(&mu_);
  return std::exchange(next_row_, next_row_ + count);
}

BatchRequest DeviceWorker::Describe(RowId first, const std::vector<ImageJob>& jobs,
                                    const JobTerms& terms) const {
  const int factor = generator_.info().latent_factor;
  const ImageSize& size = jobs.front().request.size;
  BatchRequest request = {.key = {size.height / factor, size.width / factor},
                          .pixels = int64_t{size.height} * size.width,
                          .priority = terms.priority,
                          .tenant = terms.tenant,
                          .deadline = terms.deadline};
  for (size_t i = 0; i < jobs.size(); ++i) {
    request.rows.push_back({.id = first + i,
                            .steps = generator_.StepCount(jobs[i].request),
                            .samples = IsGuided(jobs[i].request) ? 2 : 1});
  }
  return request;
}

absl::Duration DeviceWorker::Predict(const std::vector<ImageJob>& jobs, const JobTerms& terms) {
  return batcher_.Predict(Describe(/*first=*/0, jobs, terms));
}

absl::Status DeviceWorker::Submit(RowId first, std::vector<ImageJob>&& jobs,
                                  const JobTerms& terms) {
  const BatchRequest request = Describe(first, jobs, terms);
  const absl::Time now = clock_.TimeNow();
  {
    absl::MutexLock lock(&mu_);
    for (size_t i = 0; i < jobs.size(); ++i) {
      auto work = std::make_unique<Work>();
      work->job = std::move(jobs[i]);
      work->accepted = now;
      work->steps = request.rows[i].steps;
      work_.emplace(first + i, std::move(work));
    }
  }
  const absl::Status status = batcher_.Submit(request);
  if (!status.ok()) {
    for (size_t i = 0; i < jobs.size(); ++i) jobs[i] = std::move(Remove(first + i)->job);
  }
  return AsQueueError(status, terms.tenant);
}

DeviceStatus DeviceWorker::Status() {
  DeviceStatus status = {.oldest_wait = batcher_.OldestWait(),
                         .free_bytes = free_bytes_,
                         .total_bytes = generator_.TotalBytes()};
  absl::MutexLock lock(&call_mu_);
  status.in_call = InCall();
  status.busy = busy_ + status.in_call;
  return status;
}

void DeviceWorker::SampleMemory() {
  const absl::Time now = clock_.TimeNow();
  if (now - memory_sampled_ < kMemoryInterval) return;
  memory_sampled_ = now;
  free_bytes_ = generator_.AvailableBytes();
}

absl::Duration DeviceWorker::CallDuration() const {
  absl::MutexLock lock(&call_mu_);
  return InCall();
}

absl::Duration DeviceWorker::InCall() const {
  return std::max(clock_.TimeNow() - call_began_, absl::ZeroDuration());
}

absl::Status DeviceWorker::Call(absl::FunctionRef<absl::Status()> call) {
  {
    absl::MutexLock lock(&call_mu_);
    call_began_ = clock_.TimeNow();
  }
  const absl::Status status = AsDeviceError(call());
  {
    absl::MutexLock lock(&call_mu_);
    busy_ += InCall();
    call_began_ = absl::InfiniteFuture();
  }
  if (absl::IsUnavailable(status)) on_lost_(status);
  return status;
}

absl::Status DeviceWorker::Start(std::span<const RowId> rows) {
  const std::vector<Work*> work = Find(rows);
  std::vector<const ImageRequest*> requests;
  for (const Work* w : work) requests.push_back(&w->job.request);
  const absl::Time begin = clock_.TimeNow();
  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> started;
  const absl::Status status = Call([&] {
    started = generator_.Start(requests);
    return started.status();
  });
  if (!status.ok()) return status;
  const absl::Duration took = clock_.TimeNow() - begin;
  metrics_.images.OnStage(Stage::kTextEncode, took);
  for (size_t i = 0; i < work.size(); ++i) {
    ImageReport& report = work[i]->result.report;
    work[i]->row = std::move((*started)[i]);
    report.queue_wait = begin - work[i]->accepted;
    report.text_encoding = took;
    report.truncated_tokens = work[i]->row->truncated_tokens();
  }
  return absl::OkStatus();
}

absl::Status DeviceWorker::Step(std::span<const RowId> rows) {
  const std::vector<Work*> work = Find(rows);
  std::vector<ImageInProgress*> images;
  for (const Work* w : work) images.push_back(w->row.get());
  const absl::Time begin = clock_.TimeNow();
  if (absl::Status s = Call([&] { return generator_.Step(images); }); !s.ok()) return s;
  const absl::Duration took = clock_.TimeNow() - begin;
  metrics_.images.OnStage(Stage::kDenoiseStep, took);
  const int size = static_cast<int>(rows.size());
  for (Work* w : work) {
    ImageReport& report = w->result.report;
    report.denoising += took;
    report.min_batch = report.passes == 0 ? size : std::min(report.min_batch, size);
    report.max_batch = std::max(report.max_batch, size);
    report.batch_sum += size;
    ++report.passes;
    ReportStep(*w);
  }
  return absl::OkStatus();
}

void DeviceWorker::ReportStep(Work& work) {
  ++work.steps_done;
  if (!work.job.on_step) return;
  const auto preview = [&] { return generator_.Preview(*work.row); };
  work.job.on_step({.step = work.steps_done, .steps = work.steps, .preview = preview});
}

absl::Status DeviceWorker::Finish(std::span<const RowId> rows) {
  const std::vector<Work*> work = Find(rows);
  std::vector<ImageInProgress*> images;
  for (const Work* w : work) images.push_back(w->row.get());
  const absl::Time begin = clock_.TimeNow();
  absl::StatusOr<std::vector<RgbImage>> decoded;
  const absl::Status status = Call([&] {
    decoded = generator_.Finish(images);
    return decoded.status();
  });
  if (!status.ok()) return status;
  const absl::Duration took = clock_.TimeNow() - begin;
  metrics_.images.OnStage(Stage::kVaeDecode, took);
  SampleMemory();
  for (size_t i = 0; i < work.size(); ++i) {
    work[i]->result.image = std::move((*decoded)[i]);
    work[i]->result.report.decoding = took;
    if (images[i]->decoded_twice()) metrics_.images.OnNanRetry();
  }
  return absl::OkStatus();
}

void DeviceWorker::End(RowId row, const absl::Status& status) {
  const std::unique_ptr<Work> work = Remove(row);
  if (status.ok()) {
    const ImageSize& size = work->job.request.size;
    metrics_.images.OnImage(int64_t{size.height} * size.width);
    std::move(work->job.done)(std::move(work->result));
  } else {
    std::move(work->job.done)(AsAnswer(status));
  }
}

std::vector<DeviceWorker::Work*> DeviceWorker::Find(std::span<const RowId> rows) {
  absl::MutexLock lock(&mu_);
  std::vector<Work*> found;
  for (const RowId row : rows) found.push_back(work_.at(row).get());
  return found;
}

std::unique_ptr<DeviceWorker::Work> DeviceWorker::Remove(RowId row) {
  absl::MutexLock lock(&mu_);
  std::unique_ptr<Work> work = std::move(work_.at(row));
  work_.erase(row);
  return work;
}

}  // namespace darkroom
