#include "batcher/admitted_request.h"

#include <algorithm>

namespace darkroom {

AdmittedRequest::AdmittedRequest(const BatchRequest& request, absl::Time now, double tenant_work,
                                 const CostModel& model)
    : id(IdOf(request)),
      key(request.key),
      pixels(request.pixels),
      priority(request.priority),
      tenant(request.tenant),
      arrival(now),
      deadline(request.deadline),
      tenant_work(tenant_work) {
  for (const Row& row : request.rows) {
    const RowCosts costs = model.CostsOf(key, row);
    rows.push_back({.id = row.id,
                    .samples = row.samples,
                    .steps_left = row.steps,
                    .costs = costs,
                    .latest = costs});
    own_work += rows.back().Solo();
  }
}

double AdmittedRequest::Due(const OrderWeights& weights) const {
  double due = absl::ToDoubleSeconds(arrival - absl::UnixEpoch());
  due += weights.tenant_work * tenant_work + weights.own_work * own_work;
  if (priority == Priority::kHigh) due -= weights.priority;
  if (priority == Priority::kLow) due += weights.priority;
  return due;
}

absl::Time AdmittedRequest::Latest(const AdmittedRow& row) const {
  return is_probe ? deadline : deadline - absl::Seconds(row.Solo(row.latest));
}

absl::Time AdmittedRequest::Latest() const {
  absl::Time latest = deadline;
  for (const AdmittedRow& row : rows) latest = std::min(latest, Latest(row));
  return latest;
}

}  // namespace darkroom
