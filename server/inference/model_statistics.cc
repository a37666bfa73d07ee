#include "server/inference/model_statistics.h"

#include <cmath>

namespace darkroom {
namespace {

void SetDuration(int64_t count, absl::Duration time, inference::StatisticDuration& message) {
  message.set_count(static_cast<uint64_t>(count));
  message.set_ns(static_cast<uint64_t>(absl::ToInt64Nanoseconds(time)));
}

}  // namespace

void ModelStatistics::OnSuccess(int64_t rows, double batches, const InferTimes& times) {
  absl::MutexLock lock(&mu_);
  rows_ += rows;
  batches_ += batches;
  ++successes_;
  success_times_.total += times.total;
  success_times_.queue += times.queue;
  success_times_.compute_input += times.compute_input;
  success_times_.compute_infer += times.compute_infer;
  success_times_.compute_output += times.compute_output;
}

void ModelStatistics::OnFailure(absl::Duration total) {
  absl::MutexLock lock(&mu_);
  ++failures_;
  failure_time_ += total;
}

inference::ModelStatistics ModelStatistics::Read() const {
  inference::ModelStatistics message;
  inference::InferStatistics& stats = *message.mutable_inference_stats();
  absl::MutexLock lock(&mu_);
  message.set_inference_count(static_cast<uint64_t>(rows_));
  message.set_execution_count(static_cast<uint64_t>(std::llround(batches_)));
  SetDuration(successes_, success_times_.total, *stats.mutable_success());
  SetDuration(failures_, failure_time_, *stats.mutable_fail());
  SetDuration(successes_, success_times_.queue, *stats.mutable_queue());
  SetDuration(successes_, success_times_.compute_input, *stats.mutable_compute_input());
  SetDuration(successes_, success_times_.compute_infer, *stats.mutable_compute_infer());
  SetDuration(successes_, success_times_.compute_output, *stats.mutable_compute_output());
  return message;
}

}  // namespace darkroom
