#ifndef DARKROOM_BATCHER_ROW_TABLE_H_
#define DARKROOM_BATCHER_ROW_TABLE_H_

#include <array>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "batcher/admitted_request.h"
#include "batcher/row.h"

namespace darkroom {

// Rows that no device call has touched yet.
struct QueueCount {
  int64_t images = 0;
  std::array<int64_t, kPriorities> images_of = {};  // By Priority.
  int64_t pixels = 0;
  int64_t pixel_steps = 0;
};

// Every row in the house, waiting and under way, in the order of due dates. A change costs about
// the logarithm of the requests in the house, besides the rows of its own request. Not thread-safe.
class RowTable {
 public:
  // By due date, then arrival, then id.
  struct Place {
    std::tuple<double, absl::Time, RowId> order;
    AdmittedRequest* request;
    bool operator<(const Place& other) const { return order < other.order; }
  };
  // The requests of one key.
  struct Line {
    absl::btree_set<Place> places;  // Never empty.
    size_t started_rows = 0;
  };

  explicit RowTable(const OrderWeights& weights) : weights_(weights) {}

  // None of its rows may be here.
  void Add(std::unique_ptr<AdmittedRequest> request);
  // The rows wait no longer.
  void Start(std::span<const RowId> rows);
  // The rows, which have started, have one step less left.
  void Step(std::span<const RowId> rows);
  // A call over the rows took so long, which they share by the samples they brought to it.
  void ShareTime(std::span<const RowId> rows, absl::Duration took);
  void Remove(RowId row);
  // What the rows will take is believed anew, for their deadlines.
  void Reconsider(std::span<const RowId> rows, const CostModel& model);
  // The request's rows are to leave; nothing when none is here.
  void Cancel(RowId request);
  // The request's deadline is at least this one; its place stays. Nothing when none is here.
  void Extend(RowId request, absl::Time deadline);

  size_t requests() const { return by_age_.size(); }
  size_t rows() const { return owners_.size(); }
  size_t started_rows() const { return started_rows_; }
  size_t tenants() const { return tenants_.size(); }
  const QueueCount& waiting() const { return waiting_; }
  int64_t waiting_images(const std::string& tenant) const { return TenantOf(tenant).waiting; }
  // Solo seconds of the tenant's unfinished rows.
  double tenant_work(const std::string& tenant) const { return TenantOf(tenant).work; }
  double Due(const AdmittedRequest& request) const { return request.Due(weights_); }

  const absl::flat_hash_map<BatchKey, Line>& lines() const { return lines_; }
  // The line whose first request is due first of all. There must be one.
  const Line& FirstLine() const;
  // All requests by arrival.
  using ByAge = absl::btree_map<std::pair<absl::Time, RowId>, std::unique_ptr<AdmittedRequest>>;
  const ByAge& by_age() const { return by_age_; }
  // The request of a row that is here.
  const AdmittedRequest& OwnerOf(RowId row) const { return *owners_.at(row); }
  const AdmittedRow& Find(RowId row) const;
  // When the first of those came that wait; infinite when none does.
  absl::Time OldestArrival() const;
  // Null when none of its rows is here.
  const AdmittedRequest* FindRequest(RowId request) const;

  // UNet samples that the rows bring to a pass.
  int SamplesOf(std::span<const RowId> rows) const;

  std::vector<RowId> AllRows() const;
  std::vector<RowId> CancelledRows() const;
  // Rows that cannot keep their deadlines any more, even alone.
  std::vector<RowId> LateRows(absl::Time now) const;
  // When there will be one; infinite when no row has a deadline.
  absl::Time NextLate() const;
  // Started rows without steps left, in the order in which they became such.
  const std::vector<RowId>& finished_rows() const { return finished_; }

 private:
  struct Tenant {
    int64_t waiting = 0;  // Images.
    size_t rows = 0;
    double work = 0;  // Solo seconds of its unfinished rows.
  };

  Tenant TenantOf(const std::string& name) const;
  Place PlaceOf(AdmittedRequest& request) const;
  // Takes the request out of the orders before it changes, and puts it in after.
  void Unplace(AdmittedRequest& request);
  void PutInPlace(AdmittedRequest& request);
  // Counts the row in (1) or out (-1) of those that wait.
  void CountWaiting(const AdmittedRequest& request, const AdmittedRow& row, int sign);
  // Takes work that is done, in Solo seconds, off the request and its tenant.
  void CountWork(AdmittedRequest& request, double done);

  const OrderWeights weights_;
  ByAge by_age_;
  absl::flat_hash_map<RowId, AdmittedRequest*> by_id_;
  absl::flat_hash_map<RowId, AdmittedRequest*> owners_;  // By row.
  absl::flat_hash_map<BatchKey, Line> lines_;
  absl::flat_hash_map<std::string, Tenant> tenants_;      // Those with rows here.
  absl::btree_set<std::pair<absl::Time, RowId>> latest_;  // Requests with a deadline.
  std::vector<RowId> cancelled_;                          // Requests.
  std::vector<RowId> finished_;
  QueueCount waiting_;
  size_t started_rows_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_BATCHER_ROW_TABLE_H_
