#include "batcher/row_table.h"

#include <algorithm>

namespace darkroom {
namespace {

auto RowOf(auto& request, RowId id) {
  return std::find_if(request.rows.begin(), request.rows.end(),
                      [id](const AdmittedRow& row) { return row.id == id; });
}

}  // namespace

void RowTable::Add(std::unique_ptr<AdmittedRequest> added) {
  AdmittedRequest& request = *added;
  by_age_.emplace(std::pair(request.arrival, request.id), std::move(added));
  by_id_.emplace(request.id, &request);
  Tenant& tenant = tenants_[request.tenant];
  tenant.work += request.own_work;
  tenant.rows += request.rows.size();
  for (const AdmittedRow& row : request.rows) {
    owners_.emplace(row.id, &request);
    CountWaiting(request, row, 1);
  }
  PutInPlace(request);
}

void RowTable::Start(std::span<const RowId> rows) {
  for (const RowId id : rows) {
    AdmittedRequest& request = *owners_.at(id);
    AdmittedRow& row = *RowOf(request, id);
    Unplace(request);
    CountWaiting(request, row, -1);
    row.started = true;
    CountWork(request, row.costs.start);
    PutInPlace(request);
    ++started_rows_;
    ++lines_.at(request.key).started_rows;
    if (row.steps_left == 0) finished_.push_back(id);
  }
}

void RowTable::Step(std::span<const RowId> rows) {
  for (const RowId id : rows) {
    AdmittedRequest& request = *owners_.at(id);
    AdmittedRow& row = *RowOf(request, id);
    Unplace(request);
    --row.steps_left;
    CountWork(request, row.costs.step);
    PutInPlace(request);
    if (row.steps_left == 0) finished_.push_back(id);
  }
}

void RowTable::ShareTime(std::span<const RowId> rows, absl::Duration took) {
  const absl::Duration of_sample = took / SamplesOf(rows);
  for (const RowId id : rows) {
    AdmittedRow& row = *RowOf(*owners_.at(id), id);
    row.device_time += of_sample * row.samples;
  }
}

void RowTable::Remove(RowId id) {
  const auto owner = owners_.find(id);
  AdmittedRequest& request = *owner->second;
  owners_.erase(owner);
  Unplace(request);
  const auto row = RowOf(request, id);
  if (row->started) {
    --started_rows_;
    --lines_.at(request.key).started_rows;
  } else {
    CountWaiting(request, *row, -1);
  }
  std::erase(finished_, id);
  CountWork(request, row->Solo());
  const auto tenant = tenants_.find(request.tenant);
  if (--tenant->second.rows == 0) tenants_.erase(tenant);
  request.rows.erase(row);
  if (!request.rows.empty()) return PutInPlace(request);
  if (lines_.at(request.key).places.empty()) lines_.erase(request.key);
  if (request.cancelled) std::erase(cancelled_, request.id);
  by_id_.erase(request.id);
  by_age_.erase({request.arrival, request.id});
}

void RowTable::Reconsider(std::span<const RowId> rows, const CostModel& model) {
  for (const RowId id : rows) {
    AdmittedRequest& request = *owners_.at(id);
    AdmittedRow& row = *RowOf(request, id);
    Unplace(request);
    row.latest = model.CostsOf(request.key, {.samples = row.samples});
    PutInPlace(request);
  }
}

void RowTable::CountWork(AdmittedRequest& request, double done) {
  Tenant& tenant = tenants_.at(request.tenant);
  tenant.work = std::max(tenant.work - done, 0.0);
  request.own_work = std::max(request.own_work - done, 0.0);
}

void RowTable::Cancel(RowId id) {
  const auto request = by_id_.find(id);
  if (request == by_id_.end() || request->second->cancelled) return;
  request->second->cancelled = true;
  cancelled_.push_back(id);
}

void RowTable::Extend(RowId id, absl::Time deadline) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || found->second->deadline >= deadline) return;
  Unplace(*found->second);
  found->second->deadline = deadline;
  PutInPlace(*found->second);
}

const AdmittedRequest* RowTable::FindRequest(RowId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const RowTable::Line& RowTable::FirstLine() const {
  const auto first_is_less = [](const auto& a, const auto& b) {
    return *a.second.places.begin() < *b.second.places.begin();
  };
  return std::min_element(lines_.begin(), lines_.end(), first_is_less)->second;
}

const AdmittedRow& RowTable::Find(RowId row) const { return *RowOf(OwnerOf(row), row); }

absl::Time RowTable::OldestArrival() const {
  const auto waits = [](const AdmittedRow& row) { return !row.started; };
  for (const auto& [age, request] : by_age_) {
    if (std::any_of(request->rows.begin(), request->rows.end(), waits)) return request->arrival;
  }
  return absl::InfiniteFuture();
}

int RowTable::SamplesOf(std::span<const RowId> rows) const {
  int samples = 0;
  for (const RowId row : rows) samples += Find(row).samples;
  return samples;
}

std::vector<RowId> RowTable::AllRows() const {
  std::vector<RowId> rows;
  for (const auto& [row, owner] : owners_) rows.push_back(row);
  return rows;
}

std::vector<RowId> RowTable::CancelledRows() const {
  std::vector<RowId> rows;
  for (const RowId request : cancelled_) {
    for (const AdmittedRow& row : by_id_.at(request)->rows) rows.push_back(row.id);
  }
  return rows;
}

std::vector<RowId> RowTable::LateRows(absl::Time now) const {
  std::vector<RowId> rows;
  for (const auto& [latest, id] : latest_) {
    if (latest > now) break;
    const AdmittedRequest& request = *by_id_.at(id);
    for (const AdmittedRow& row : request.rows) {
      if (request.Latest(row) <= now) rows.push_back(row.id);
    }
  }
  return rows;
}

absl::Time RowTable::NextLate() const {
  return latest_.empty() ? absl::InfiniteFuture() : latest_.begin()->first;
}

RowTable::Tenant RowTable::TenantOf(const std::string& name) const {
  const auto tenant = tenants_.find(name);
  return tenant == tenants_.end() ? Tenant() : tenant->second;
}

RowTable::Place RowTable::PlaceOf(AdmittedRequest& request) const {
  return {{Due(request), request.arrival, request.id}, &request};
}

void RowTable::Unplace(AdmittedRequest& request) {
  lines_.at(request.key).places.erase(PlaceOf(request));
  if (request.deadline != absl::InfiniteFuture()) latest_.erase({request.Latest(), request.id});
}

void RowTable::PutInPlace(AdmittedRequest& request) {
  lines_[request.key].places.insert(PlaceOf(request));
  if (request.deadline != absl::InfiniteFuture()) latest_.insert({request.Latest(), request.id});
}

void RowTable::CountWaiting(const AdmittedRequest& request, const AdmittedRow& row, int sign) {
  waiting_.images += sign;
  waiting_.images_of[static_cast<size_t>(request.priority)] += sign;
  waiting_.pixels += sign * request.pixels;
  waiting_.pixel_steps += sign * request.pixels * row.steps_left;
  tenants_.at(request.tenant).waiting += sign;
}

}  // namespace darkroom
