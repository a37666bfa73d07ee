#include "bench/simulate/measured_times.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "bench/simulate/device_times.h"

namespace darkroom::sim {
namespace {

const std::map<std::string, CallKind> kKinds = {
    {"start", CallKind::kStart}, {"step", CallKind::kStep}, {"finish", CallKind::kFinish}};

size_t PlaceOf(const BatchKey& key) { return key == kLarge ? 0 : key == kMedium ? 1 : 2; }

}  // namespace

absl::StatusOr<MeasuredTimes> MeasuredTimes::Read(const std::string& file) try {
  std::ifstream stream(file);
  std::map<int64_t, std::map<CallKind, Curve>, std::greater<>> by_area;
  for (const nlohmann::json& call : nlohmann::json::parse(stream)) {
    const int64_t area = call.at("height").get<int64_t>() * call.at("width").get<int64_t>();
    const CallKind kind = kKinds.at(call.at("call").get<std::string>());
    by_area[area][kind][call.at("size").get<int>()] = call.at("seconds").get<double>();
  }
  MeasuredTimes times;
  for (auto& [area, curves] : by_area) {
    if (curves.size() < kKinds.size()) {
      return absl::InvalidArgumentError(absl::StrCat(file, " lacks a kind of call"));
    }
    times.curves_.push_back(std::move(curves));
  }
  if (times.curves_.empty()) return absl::InvalidArgumentError(absl::StrCat(file, " is empty"));
  return times;
} catch (const std::exception& error) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", error.what()));
}

double MeasuredTimes::Of(CallKind kind, const BatchKey& key, int size) const {
  const Curve& curve = curves_[std::min(PlaceOf(key), curves_.size() - 1)].at(kind);
  if (curve.size() == 1) return curve.begin()->second * size / curve.begin()->first;
  auto above = curve.lower_bound(size);
  if (above == curve.end()) --above;
  if (above == curve.begin()) ++above;
  const auto below = std::prev(above);
  const double slope = (above->second - below->second) / (above->first - below->first);
  return std::max(below->second + slope * (size - below->first), 0.0);
}

}  // namespace darkroom::sim
