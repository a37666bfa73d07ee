#include "batcher/pass_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <set>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr BatchKey kKey = {8, 8};

// Passes of t0 seconds, and t1 more for each row of one sample.
CostModel Costs(double t0, double t1) {
  CostModel costs;
  costs.Observe(CallKind::kStep, kKey, 1, t0 + t1);
  costs.Observe(CallKind::kStep, kKey, 64, t0 + t1 * 64);
  return costs;
}

// Rows in their order, and the requests that they belong to.
class Line {
 public:
  // A request of so many rows, of which the first ones have started.
  void Add(size_t rows, size_t started = 0, int samples = 1) {
    BatchRequest request = {.key = kKey};
    for (size_t i = 0; i < rows; ++i) {
      request.rows.push_back({.id = ++last_id_, .steps = 20, .samples = samples});
    }
    AdmittedRequest& admitted = requests_.emplace_back(request, absl::UnixEpoch(), 0, CostModel());
    for (size_t i = 0; i < started; ++i) admitted.rows[i].started = true;
    for (const AdmittedRow& row : admitted.rows) candidates_.push_back({&admitted, &row});
  }

  const std::vector<Candidate>& candidates() const { return candidates_; }

 private:
  RowId last_id_ = 0;
  std::deque<AdmittedRequest> requests_;  // Which stay where they are.
  std::vector<Candidate> candidates_;
};

// The rule by the letter: everything is counted anew.
size_t SizeByTheRule(const std::vector<Candidate>& line, const CostModel& costs, double pressure) {
  const auto time = [&](size_t n) {
    int samples = 0;
    for (size_t i = 0; i < n; ++i) samples += line[i].row->samples;
    return costs.Step(kKey, samples);
  };
  const auto requests = [&](size_t n) {
    std::set<const AdmittedRequest*> distinct;
    for (size_t i = 0; i < n; ++i) distinct.insert(line[i].request);
    return static_cast<double>(distinct.size());
  };
  const auto gain = [&](size_t from, size_t to) {
    const double share = static_cast<double>(from) / to;
    return pressure * (time(from) - time(to) * share) - requests(from) * (time(to) - time(from));
  };
  std::set<size_t> ends = {line.size()};  // Of requests.
  for (size_t n = 1; n < line.size(); ++n) {
    if (line[n - 1].request != line[n].request) ends.insert(n);
  }
  size_t size = 0, running = 0;
  const auto pays = [&](size_t end) { return gain(size, end) >= 0; };
  for (auto end = ends.begin(); end != ends.end();) {
    size = *end;
    end = std::find_if(ends.upper_bound(size), ends.end(), pays);
  }
  for (size_t n = 1; n <= size; ++n) {
    if (line[n - 1].row->started) running = n;
  }
  if (running == 0 || running == size) return size;
  if (time(size) <= time(running)) return size;
  const double clear = 0.10 * time(running) * (pressure + requests(running));
  return gain(running, size) < clear ? running : size;
}

TEST(PassSizeTest, IsWhatTheRuleSays) {
  SeededRandom random;
  std::mt19937_64 generator(random.Bits());
  std::lognormal_distribution jitter(0.0, 0.1);
  for (int i = 0; i < 2000; ++i) {
    Line line;
    for (size_t left = random.Between(1, 12), rows = 0; left > 0; left -= rows) {
      rows = random.Between(1, left);
      line.Add(rows, random.Between(0, 1) * random.Between(0, rows), random.Between(1, 2));
    }
    CostModel costs;
    if (random.Between(0, 2) == 0) costs.PadTo({2, 3, 8, 12});
    const double fixed = random.Between(0, 10);  // In rows' times.
    for (int samples = 1; samples <= 24; ++samples) {
      costs.Observe(CallKind::kStep, kKey, samples, (fixed + samples) * jitter(generator));
    }
    const double pressure = 3 * jitter(generator) * random.Between(0, 8);  // Without ties.
    EXPECT_EQ(PassSize(line.candidates(), costs, pressure),
              SizeByTheRule(line.candidates(), costs, pressure));
  }
}

TEST(PassSizeTest, IsNearTheRootOfPressureTimesFixedByGrowingTime) {
  SeededRandom random;
  Line line;
  for (int i = 0; i < 40; ++i) line.Add(1);
  for (int i = 0; i < 200; ++i) {
    const double t0 = 1e-3 * random.Between(1, 100), t1 = 1e-3 * random.Between(1, 100);
    const double pressure = 0.1 * random.Between(10, 200);
    const double root = std::clamp(std::sqrt(pressure * t0 / t1), 1.0, 40.0);
    EXPECT_NEAR(PassSize(line.candidates(), Costs(t0, t1), pressure), root, 1.01);
  }
}

TEST(PassSizeTest, ARequestIsAddedWholeOrNotAtAll) {
  const CostModel costs = Costs(0.1, 0.02);
  Line single_rows, requests;
  for (int i = 0; i < 7; ++i) single_rows.Add(1);
  for (const size_t rows : {3, 4}) requests.Add(rows);
  EXPECT_EQ(PassSize(single_rows.candidates(), costs, 5), 5u);
  EXPECT_EQ(PassSize(requests.candidates(), costs, 5), 7u);
  EXPECT_EQ(PassSize(requests.candidates(), costs, 1), 3u);
}

TEST(PassSizeTest, RowsJoinRunningOnesForAClearGainAlone) {
  const CostModel costs = Costs(0.1, 0.05);
  Line idle, running;
  for (int i = 0; i < 2; ++i) idle.Add(1);
  running.Add(1, 1);
  running.Add(1);
  // With a second row a pass takes 200 ms instead of 150: the first is delayed by 50 ms, and its
  // half saves 50 ms. To be clear, the gain has to be a tenth of 150 ms, by pressure and request.
  EXPECT_EQ(PassSize(idle.candidates(), costs, 0.9), 1u);
  EXPECT_EQ(PassSize(idle.candidates(), costs, 1.1), 2u);
  EXPECT_EQ(PassSize(running.candidates(), costs, 1.8), 1u);
  EXPECT_EQ(PassSize(running.candidates(), costs, 1.9), 2u);
}

TEST(PassSizeTest, AsLongAsTimesAreUnknownAllThereAreShareAPass) {
  EXPECT_EQ(PassSize({}, CostModel(), 4), 0u);
  Line line;
  line.Add(1, 1);
  for (const size_t rows : {2, 3}) line.Add(rows);
  EXPECT_EQ(PassSize(line.candidates(), CostModel(), 4), 6u);
}

}  // namespace
}  // namespace darkroom
