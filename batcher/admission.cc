#include "batcher/admission.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "batcher/load_estimate.h"

namespace darkroom {
namespace {

// Seconds of device time for the request's rows in batches of so many.
double WorkIn(const AdmittedRequest& request, double batch_size) {
  double work = 0;
  for (const AdmittedRow& row : request.rows) {
    const RowCosts& costs = row.costs;
    const double step = costs.step_fixed / batch_size + costs.step - costs.step_fixed;
    work += (row.started ? 0 : costs.start) + row.steps_left * step + costs.finish;
  }
  return work;
}

// The size of the groups that so many equal rows would run in (see PassSize).
double LikelyBatchSize(const AdmittedRow& row, size_t rows, int max_batch_size) {
  const double most = std::min(static_cast<double>(rows), static_cast<double>(max_batch_size));
  const double growing = row.costs.step - row.costs.step_fixed;
  if (growing <= 0) return most;
  const double size = std::sqrt(2 * static_cast<double>(rows) * row.costs.step_fixed / growing);
  return std::clamp(std::round(size), 1.0, most);
}

}  // namespace

absl::Status CheckRoom(const BatchRequest& request, const RowTable& rows,
                       const BatchOptions& options) {
  const QueueLimits& limits = options.limits;
  const auto images = static_cast<int64_t>(request.rows.size());
  const auto started = static_cast<int64_t>(rows.started_rows());
  int64_t steps = 0;
  for (const Row& row : request.rows) steps += row.steps;
  if (images > std::min(limits.images, limits.images_per_tenant) ||
      images * request.pixels > limits.pixels || steps * request.pixels > limits.pixel_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        images, " images, ", images * request.pixels, " pixels, ", steps * request.pixels,
        " pixel steps are more than the queue or the caller's share of it ever holds"));
  }
  QueueCount waiting = rows.waiting();
  waiting.images += std::max<int64_t>(started - options.max_batch_size, 0);
  if (waiting.images + images > limits.images ||
      waiting.pixels + images * request.pixels > limits.pixels ||
      waiting.pixel_steps + steps * request.pixels > limits.pixel_steps) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", waiting.images, " images of at most ", limits.images,
                     ", ", waiting.pixels, " pixels of at most ", limits.pixels, " and ",
                     waiting.pixel_steps, " pixel steps of at most ", limits.pixel_steps, " wait"));
  }
  if (rows.waiting_images(request.tenant) + images > limits.images_per_tenant) {
    absl::Status full = absl::ResourceExhaustedError(absl::StrCat(
        "the caller's share of the queue is full: ", rows.waiting_images(request.tenant),
        " of its images of at most ", limits.images_per_tenant, " wait"));
    full.SetPayload(kTenantFull, absl::Cord());
    return full;
  }
  return absl::OkStatus();
}

double AdmissionFactor(double load) {
  constexpr double kBusy = 0.9;
  return 1 + 0.4 * std::clamp((load - kBusy) / (LoadEstimate::kMaxLoad - kBusy), 0.0, 1.0);
}

absl::Duration PredictDuration(const AdmittedRequest& request, const RowTable& rows,
                               int max_batch_size) {
  const bool is_inside = rows.FindRequest(request.id) != nullptr;
  const double batch_size = LikelyBatchSize(
      request.rows.front(), rows.rows() + (is_inside ? 0 : request.rows.size()), max_batch_size);
  const double due = rows.Due(request);
  double before = 0;
  double behind = 0;
  for (const auto& [age, other] : rows.by_age()) {
    if (other->id == request.id) continue;
    (rows.Due(*other) <= due ? before : behind) += WorkIn(*other, batch_size);
  }
  const double own = WorkIn(request, batch_size);
  // Those behind it take the places that its own rows leave free.
  const auto own_rows = static_cast<double>(request.rows.size());
  const double free_places = std::max(batch_size - own_rows, 0.0);
  const double shared = std::min(behind, free_places / 2 * own / own_rows);
  return absl::Seconds(before + own + shared);
}

}  // namespace darkroom
