#ifndef DARKROOM_MODEL_CHECKPOINT_WEIGHT_FILES_H_
#define DARKROOM_MODEL_CHECKPOINT_WEIGHT_FILES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/checkpoint/safetensors.h"

namespace darkroom {

// The files in one component folder that hold its weights, as diffusers and transformers save them:
// NAME.safetensors or the shards of NAME.safetensors.index.json, else the same with `.fp16`. `stem`
// is NAME, "diffusion_pytorch_model" or "model".
//
// Pickle files (.bin, .ckpt, .pt) are never opened: a folder that has only those is refused with a
// hint to convert them.
absl::StatusOr<std::set<std::string>> WeightFileNames(const std::string& folder,
                                                      const std::string& stem);

// Opens them, in the order of their names.
absl::StatusOr<std::vector<SafetensorsFile>> OpenWeightFiles(const std::string& folder,
                                                             const std::string& stem);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_WEIGHT_FILES_H_
