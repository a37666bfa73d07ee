#ifndef DARKROOM_MODEL_CHECKPOINT_WEIGHTS_H_
#define DARKROOM_MODEL_CHECKPOINT_WEIGHTS_H_

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/safetensors.h"

namespace darkroom {

class WeightScope;

// The tensors of one component, handed out by key to the network's constructors, each moved once to
// its device, into the final dtype; on a GPU the kernels of convolutions channels last. Remembers
// what was asked for and what was not, so that one error can tell.
class Weights {
 public:
  // Opens the component's files; see OpenWeightFiles. Its tensors are handed out with the dtype and
  // on the device of `placement`.
  static absl::StatusOr<Weights> Open(const std::string& folder, const std::string& stem,
                                      const at::TensorOptions& placement);

  // The place where the network's keys begin.
  WeightScope Root();

  // The tensors below `prefix` belong to a part that is not loaded.
  void Ignore(std::string_view prefix);

  // After all constructors ran: INVALID_ARGUMENT listing the first ten of the missing, misshapen
  // and unused tensors, with the count of all.
  absl::Status CheckComplete() const;

  // A tensor in its final place. Missing or misshapen: an undefined tensor, and CheckComplete
  // fails.
  at::Tensor Take(const std::string& key, at::IntArrayRef shape);
  bool Has(const std::string& key) const { return stored_.contains(key); }
  const at::TensorOptions& placement() const { return placement_; }

 private:
  explicit Weights(const at::TensorOptions& placement) : placement_(placement) {}

  at::TensorOptions placement_;
  std::string folder_;
  std::vector<SafetensorsFile> files_;  // Keep the stored tensors' bytes mapped.
  std::map<std::string, StoredTensor> stored_;
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

// A prefix of keys, as in `unet.Scope("down_blocks.1")`. Cheap to copy; borrows its Weights.
class WeightScope {
 public:
  WeightScope(Weights& weights, std::string prefix);

  WeightScope Scope(std::string_view name) const;
  at::Tensor Take(std::string_view name, at::IntArrayRef shape) const;
  bool Has(std::string_view name) const;
  const at::TensorOptions& placement() const { return weights_->placement(); }

 private:
  std::string Key(std::string_view name) const;

  Weights* weights_;
  std::string prefix_;  // Empty, or ends with a dot.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_WEIGHTS_H_
