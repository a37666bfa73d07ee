#ifndef DARKROOM_SERVER_INFERENCE_TENSORS_H_
#define DARKROOM_SERVER_INFERENCE_TENSORS_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "inference/model_config.pb.h"

namespace darkroom {

// One tensor of the model as the Open Inference Protocol sees it: a column of the batch, [N, 1].
struct TensorSpec {
  std::string_view name;
  std::string_view datatype;
  inference::DataType type;  // The same in the model's configuration.
  bool is_optional = false;
};

enum class InferInput { kPrompt, kNegativePrompt, kSeed, kSteps, kGuidance };
enum class InferOutput { kImage, kSeed };

// By InferInput. SEED may also come as INT64.
inline constexpr std::array<TensorSpec, 5> kInferInputs = {{
    {"PROMPT", "BYTES", inference::TYPE_STRING},
    {"NEGATIVE_PROMPT", "BYTES", inference::TYPE_STRING, true},
    {"SEED", "UINT64", inference::TYPE_UINT64, true},
    {"STEPS", "INT32", inference::TYPE_INT32, true},
    {"GUIDANCE", "FP32", inference::TYPE_FP32, true},
}};

// By InferOutput. An IMAGE is a whole PNG file.
inline constexpr std::array<TensorSpec, 2> kInferOutputs = {{
    {"IMAGE", "BYTES", inference::TYPE_STRING},
    {"SEED", "UINT64", inference::TYPE_UINT64},
}};

inline const TensorSpec& SpecOf(InferInput input) {
  return kInferInputs[static_cast<size_t>(input)];
}
inline const TensorSpec& SpecOf(InferOutput output) {
  return kInferOutputs[static_cast<size_t>(output)];
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_TENSORS_H_
