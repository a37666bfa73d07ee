#include "model/checkpoint/weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/weight_files.h"

namespace darkroom {
namespace {

constexpr size_t kListed = 10;

std::optional<at::ScalarType> ScalarTypeOf(const std::string& dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "F16") return at::kHalf;
  if (dtype == "BF16") return at::kBFloat16;
  if (dtype == "F64") return at::kDouble;
  return std::nullopt;
}

at::Tensor Place(const at::Tensor& stored, const at::TensorOptions& placement) {
  const bool channels_last = placement.device().is_cuda() && stored.dim() == 4;
  return stored.to(placement, /*non_blocking=*/false, /*copy=*/false,
                   channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

}  // namespace

absl::StatusOr<Weights> Weights::Open(const std::string& folder, const std::string& stem,
                                      const at::TensorOptions& placement) {
  absl::StatusOr<std::vector<SafetensorsFile>> files = OpenWeightFiles(folder, stem);
  if (!files.ok()) return files.status();
  Weights weights(placement);
  weights.folder_ = folder;
  weights.files_ = *std::move(files);
  for (const SafetensorsFile& file : weights.files_) {
    for (const auto& [key, tensor] : file.tensors()) {
      if (weights.stored_.emplace(key, tensor).second) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(folder, ": two shards hold the tensor \"", key, "\""));
    }
  }
  return weights;
}

WeightScope Weights::Root() { return WeightScope(*this, ""); }

void Weights::Ignore(std::string_view prefix) {
  for (const auto& [key, tensor] : stored_) {
    if (absl::StartsWith(key, absl::string_view(prefix.data(), prefix.size()))) used_.insert(key);
  }
}

at::Tensor Weights::Take(const std::string& key, at::IntArrayRef shape) {
  const auto found = stored_.find(key);
  if (found == stored_.end()) {
    problems_.push_back(absl::StrCat("missing ", key));
    return {};
  }
  used_.insert(key);
  const StoredTensor& stored = found->second;
  const std::optional<at::ScalarType> dtype = ScalarTypeOf(stored.dtype);
  if (!dtype) {
    problems_.push_back(absl::StrCat(key, " is of type ", stored.dtype));
    return {};
  }
  if (!shape.equals(stored.shape)) {
    problems_.push_back(absl::StrCat(key, " is [", absl::StrJoin(stored.shape, ", "), "], not [",
                                     absl::StrJoin(shape, ", "), "]"));
    return {};
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(*dtype));
  std::memcpy(tensor.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  return Place(tensor, placement_);
}

absl::Status Weights::CheckComplete() const {
  std::vector<std::string> problems = problems_;
  for (const auto& [key, tensor] : stored_) {
    if (!used_.contains(key)) problems.push_back(absl::StrCat("unused ", key));
  }
  if (problems.empty()) return absl::OkStatus();
  const size_t listed = std::min(problems.size(), kListed);
  return absl::InvalidArgumentError(
      absl::StrCat(folder_, ": the weights do not fit config.json in ", problems.size(),
                   " places: ", absl::StrJoin(problems.begin(), problems.begin() + listed, "; "),
                   problems.size() > listed ? "; ..." : ""));
}

WeightScope::WeightScope(Weights& weights, std::string prefix)
    : weights_(&weights), prefix_(std::move(prefix)) {}

std::string WeightScope::Key(std::string_view name) const {
  std::string key = prefix_;
  key.append(name);
  return key;
}

WeightScope WeightScope::Scope(std::string_view name) const {
  return WeightScope(*weights_, Key(name) + ".");
}

at::Tensor WeightScope::Take(std::string_view name, at::IntArrayRef shape) const {
  return weights_->Take(Key(name), shape);
}

bool WeightScope::Has(std::string_view name) const { return weights_->Has(Key(name)); }

}  // namespace darkroom
