#include "batcher/row_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAreArray;

constexpr int kOperations = 2000;
// Seconds. Sums of such are exact in whichever order; and, being few, they are often equal.
constexpr double kGrain = 1.0 / 1024;

// A row in the house, with its request as it was when it came.
struct Guest {
  std::shared_ptr<const AdmittedRequest> request;
  AdmittedRow row;

  double solo() const {
    return (row.started ? 0 : row.costs.start) + row.steps_left * row.costs.step + row.costs.finish;
  }
  RowStage stage() const {
    return !row.started          ? RowStage::kQueued
           : row.steps_left == 0 ? RowStage::kDecode
                                 : RowStage::kDenoise;
  }
};

// A table, and a plain list of the same rows from which everything is counted anew.
class RowTableTest : public testing::Test {
 protected:
  // One operation, drawn.
  void Act() {
    now_ += absl::Seconds(Grains(2));
    const int draw = Int(0, 9);
    if (guests_.empty() || (draw < 2 && guests_.size() < 15)) return Arrive();
    const Guest& guest = guests_[random_.Between(0, guests_.size() - 1)];
    if (draw < 7) return Call(guest.request->key, /*is_step=*/draw % 2 == 0);
    return draw < 9 ? Remove(guest.row.id) : Cancel(guest.request->id);
  }

  void CheckCounts() const {
    QueueCount waiting;
    absl::Time oldest = absl::InfiniteFuture();
    std::set<std::string> tenants;
    std::map<std::string, int64_t> waiting_of;
    std::map<std::string, double> work_of;
    std::vector<RowId> rows;
    int samples = 0;
    for (const Guest& guest : guests_) {
      const AdmittedRequest& request = *guest.request;
      rows.push_back(guest.row.id);
      samples += guest.row.samples;
      work_of[request.tenant] += guest.solo();
      tenants.insert(request.tenant);
      ASSERT_EQ(rows_.Find(guest.row.id).device_time, guest.row.device_time);
      ASSERT_EQ(rows_.Find(guest.row.id).stage(), guest.stage());
      if (guest.row.started) continue;
      ++waiting.images;
      ++waiting.images_of[static_cast<size_t>(request.priority)];
      oldest = std::min(oldest, request.arrival);
      waiting.pixels += request.pixels;
      waiting.pixel_steps += request.pixels * guest.row.steps_left;
      ++waiting_of[request.tenant];
    }
    const auto& [images, images_of, pixels, pixel_steps] = rows_.waiting();
    ASSERT_EQ(images, waiting.images);
    ASSERT_EQ(images_of, waiting.images_of);
    ASSERT_EQ(pixels, waiting.pixels);
    ASSERT_EQ(pixel_steps, waiting.pixel_steps);
    ASSERT_EQ(rows_.started_rows(), rows.size() - static_cast<size_t>(waiting.images));
    ASSERT_EQ(rows_.rows(), rows.size());
    ASSERT_EQ(rows_.OldestArrival(), oldest);
    ASSERT_EQ(rows_.tenants(), tenants.size());
    ASSERT_THAT(rows_.AllRows(), UnorderedElementsAreArray(rows));
    ASSERT_EQ(rows_.SamplesOf(rows), samples);
    for (const std::string tenant : {"", "a", "aa"}) {
      ASSERT_EQ(rows_.waiting_images(tenant), waiting_of[tenant]);
      ASSERT_EQ(rows_.tenant_work(tenant), work_of[tenant]);
    }
  }

  void CheckOrders() const {
    std::set<std::pair<absl::Time, RowId>> ages;
    std::map<int, std::set<std::tuple<double, absl::Time, RowId>>> lines;  // By height.
    std::map<int, size_t> started;
    for (const auto& [request, row] : guests_) {
      ASSERT_EQ(rows_.OwnerOf(row.id).id, request->id);
      ages.emplace(request->arrival, request->id);
      lines[request->key.height].emplace(Due(*request), request->arrival, request->id);
      started[request->key.height] += row.started;
    }
    ASSERT_EQ(rows_.requests(), ages.size());
    ASSERT_TRUE(std::equal(ages.begin(), ages.end(), rows_.by_age().begin(), rows_.by_age().end(),
                           [](const auto& age, const auto& entry) { return age == entry.first; }));
    ASSERT_EQ(rows_.lines().size(), lines.size());
    for (const auto& [height, orders] : lines) {
      const RowTable::Line& line = rows_.lines().at({.height = height});
      ASSERT_TRUE(std::equal(orders.begin(), orders.end(), line.places.begin(), line.places.end(),
                             [](const auto& a, const auto& b) { return a == b.order; }));
      ASSERT_EQ(line.started_rows, started[height]);
      ASSERT_LE(rows_.FirstLine().places.begin()->order, *orders.begin());
    }
  }

  void CheckThoseThatLeave() const {
    std::vector<absl::Time> latest = {absl::InfiniteFuture()};
    std::vector<RowId> late;
    for (const Guest& guest : guests_) {
      const double left = guest.request->is_probe ? 0 : guest.solo();
      latest.push_back(guest.request->deadline - absl::Seconds(left));
      if (latest.back() <= now_) late.push_back(guest.row.id);
    }
    ASSERT_EQ(rows_.NextLate(), *std::min_element(latest.begin(), latest.end()));
    ASSERT_THAT(rows_.LateRows(now_), UnorderedElementsAreArray(late));
    std::vector<RowId> cancelled;
    for (const RowId id : cancelled_) {
      for (const auto& [request, row] : guests_) {
        if (request->id == id) cancelled.push_back(row.id);
      }
    }
    ASSERT_THAT(rows_.CancelledRows(), ElementsAreArray(cancelled));
    ASSERT_THAT(rows_.finished_rows(), ElementsAreArray(finished_));
  }

  SeededRandom random_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  RowTable rows_{{.own_work = 2, .tenant_work = 1, .priority = 8 * kGrain}};

 private:
  int Int(size_t low, size_t high) { return static_cast<int>(random_.Between(low, high)); }
  double Grains(size_t most) { return kGrain * Int(0, most); }

  void Arrive() {
    BatchRequest request = {.key = {.height = Int(1, 5)},
                            .pixels = Int(0, 9),
                            .priority = static_cast<Priority>(Int(0, 2)),
                            .tenant = std::string(random_.Between(0, 2), 'a')};
    if (Int(0, 1) == 0) request.deadline = now_ + absl::Seconds(Grains(60));
    for (int left = Int(1, 4); left > 0; --left) {
      request.rows.push_back({.id = random_.Bits(), .steps = Int(0, 3), .samples = Int(1, 2)});
    }
    AdmittedRequest admitted(request, now_, Grains(9), CostModel());
    admitted.is_probe = Int(0, 3) == 0;
    for (AdmittedRow& row : admitted.rows) {
      row.costs = {.start = Grains(4), .step = Grains(4), .finish = Grains(4)};
      row.latest = row.costs;
      admitted.own_work += Guest{.row = row}.solo();
    }
    const auto as_it_came = std::make_shared<const AdmittedRequest>(admitted);
    for (const AdmittedRow& row : admitted.rows) guests_.push_back({as_it_came, row});
    rows_.Add(std::make_unique<AdmittedRequest>(admitted));
  }

  // For half of those of the key that need it.
  void Call(const BatchKey& key, bool is_step) {
    std::vector<RowId> called;
    for (auto& [request, row] : guests_) {
      const bool needs_it = is_step ? row.started && row.steps_left > 0 : !row.started;
      if (request->key != key || !needs_it || Int(0, 1) == 0) continue;
      called.push_back(row.id);
      row.started = true;
      row.steps_left -= is_step;
      if (row.steps_left == 0) finished_.push_back(row.id);
    }
    is_step ? rows_.Step(called) : rows_.Start(called);
    ShareTime(called);
  }

  void ShareTime(const std::vector<RowId>& called) {
    if (called.empty()) return;
    int samples = 0;
    std::vector<AdmittedRow*> rows;
    for (Guest& guest : guests_) {
      if (std::count(called.begin(), called.end(), guest.row.id) == 0) continue;
      rows.push_back(&guest.row);
      samples += guest.row.samples;
    }
    const absl::Duration each = absl::Milliseconds(Int(0, 99));
    for (AdmittedRow* row : rows) row->device_time += each * row->samples;
    rows_.ShareTime(called, each * samples);
  }

  void Remove(RowId id) {
    std::erase_if(guests_, [id](const Guest& guest) { return guest.row.id == id; });
    std::erase(finished_, id);
    rows_.Remove(id);
  }

  void Cancel(RowId id) {
    if (std::count(cancelled_.begin(), cancelled_.end(), id) == 0) cancelled_.push_back(id);
    rows_.Cancel(id);
    rows_.Cancel(random_.Bits());  // It is not here.
  }

  double Due(const AdmittedRequest& request) const {
    double due = absl::ToDoubleSeconds(request.arrival - absl::UnixEpoch()) + request.tenant_work;
    if (request.priority == Priority::kHigh) due -= 8 * kGrain;
    if (request.priority == Priority::kLow) due += 8 * kGrain;
    for (const Guest& g : guests_) due += g.request->id == request.id ? 2 * g.solo() : 0;
    return due;
  }

  std::vector<Guest> guests_;
  std::vector<RowId> finished_;
  std::vector<RowId> cancelled_;  // Requests.
};

TEST_F(RowTableTest, SaysWhatAPlainListSaysWhateverHappens) {
  for (int i = 0; i < kOperations && !HasFailure(); ++i) {
    Act();
    CheckCounts();
    CheckOrders();
    CheckThoseThatLeave();
  }
}

TEST_F(RowTableTest, WhatIsBelievedAnewMovesDeadlinesAlone) {
  BatchRequest request = {.rows = {{.id = 1, .steps = 10}, {.id = 2, .steps = 10}},
                          .deadline = now_ + absl::Seconds(50)};
  rows_.Add(std::make_unique<AdmittedRequest>(request, now_, 0, CostModel()));
  const double due = rows_.Due(rows_.OwnerOf(1));
  EXPECT_EQ(rows_.NextLate(), now_ + absl::Seconds(50));
  CostModel costs;
  costs.Observe(CallKind::kStep, {}, 2, 3);
  rows_.Reconsider(std::vector<RowId>{1, 2}, costs);
  EXPECT_EQ(rows_.NextLate(), now_ + absl::Seconds(20));
  EXPECT_EQ(rows_.Due(rows_.OwnerOf(1)), due);
  rows_.Reconsider(std::vector<RowId>{1, 2}, CostModel());
  EXPECT_EQ(rows_.NextLate(), now_ + absl::Seconds(50));
}

TEST_F(RowTableTest, NobodyIsEverDueLaterThanBeforeAndNoArrivalMovesOthers) {
  std::map<RowId, double> before, after;
  for (int i = 0; i < kOperations; ++i, before = std::move(after)) {
    Act();
    after.clear();
    for (const auto& [age, request] : rows_.by_age()) after[request->id] = rows_.Due(*request);
    const bool is_arrival = after.size() > before.size();
    for (const auto& [id, due] : before) {
      if (!after.contains(id)) continue;
      ASSERT_LE(after[id], due);
      ASSERT_TRUE(after[id] == due || !is_arrival);
    }
  }
}

// What rounding leaves of a sum must not count against who comes next.
TEST_F(RowTableTest, NothingIsLeftOfATenantWithoutRows) {
  const BatchRequest request = {.rows = {{.id = 1}, {.id = 2}}, .tenant = "a"};
  auto admitted = std::make_unique<AdmittedRequest>(request, absl::UnixEpoch(), 0, CostModel());
  admitted->rows[0].costs.start = 1e9;
  admitted->rows[1].costs.start = 0.1;
  admitted->own_work = 1e9 + 0.1;
  rows_.Add(std::move(admitted));
  rows_.Remove(1);
  EXPECT_GT(rows_.tenant_work("a"), 0.1);
  rows_.Remove(2);
  EXPECT_EQ(rows_.tenant_work("a"), 0);
}

}  // namespace
}  // namespace darkroom
