#include "server/inference/infer_request.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identifier.h"
#include "server/inference/infer_parameters.h"
#include "server/inference/model_description.h"
#include "server/inference/raw_tensor.h"
#include "server/request_checks.h"

namespace darkroom {
namespace {

using Tensor = inference::ModelInferRequest::InferInputTensor;

// By InferInput: its place in the request, or nothing.
using InputIndices = std::array<std::optional<int>, kInferInputs.size()>;

// One input whose shape is right. Its elements are in `raw`, or, where that is null, in `contents`.
struct Column {
  const inference::InferTensorContents& contents;
  const std::string* raw;
  std::string_view datatype;
  std::string path;  // Of what has the elements.
  size_t rows;
};

std::string Path(std::string_view list, int index, std::string_view field = "") {
  return absl::StrCat(std::string(list), "[", index, "]", std::string(field));
}

template <size_t kCount>
std::optional<size_t> FindSpec(const std::array<TensorSpec, kCount>& specs, std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const TensorSpec& spec) { return spec.name == name; });
  if (found == specs.end()) return std::nullopt;
  return static_cast<size_t>(found - specs.begin());
}

bool IsUtf8(std::string_view text) {
  const int32_t size = static_cast<int32_t>(text.size());  // gRPC's messages are below 2 GiB.
  for (int32_t i = 0; i < size;) {
    UChar32 code_point = 0;
    U8_NEXT(text.data(), i, size, code_point);
    if (code_point < 0) return false;
  }
  return true;
}

// Elements of all datatypes.
size_t CountElements(const inference::InferTensorContents& contents) {
  const int count = contents.bool_contents_size() + contents.int_contents_size() +
                    contents.int64_contents_size() + contents.uint_contents_size() +
                    contents.uint64_contents_size() + contents.fp32_contents_size() +
                    contents.fp64_contents_size() + contents.bytes_contents_size();
  return static_cast<size_t>(count);
}

InputIndices FindInputs(const inference::ModelInferRequest& request, RequestChecks& checks) {
  InputIndices indices;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const std::string path = Path("inputs", i, ".name");
    const std::optional<size_t> spec = FindSpec(kInferInputs, request.inputs(i).name());
    if (!checks.Check(spec.has_value(), path,
                      "is none of PROMPT, NEGATIVE_PROMPT, SEED, STEPS and GUIDANCE")) {
      continue;
    }
    if (checks.Check(!indices[*spec], path, "is another input's too")) indices[*spec] = i;
  }
  for (size_t i = 0; i < kInferInputs.size(); ++i) {
    checks.Check(indices[i] || kInferInputs[i].is_optional, "inputs",
                 absl::StrCat("must have ", std::string(kInferInputs[i].name)));
  }
  return indices;
}

std::vector<InferOutput> FindOutputs(const inference::ModelInferRequest& request,
                                     RequestChecks& checks) {
  if (request.outputs().empty()) return {InferOutput::kImage, InferOutput::kSeed};
  std::vector<InferOutput> outputs;
  for (int i = 0; i < request.outputs_size(); ++i) {
    const std::string path = Path("outputs", i, ".name");
    const std::optional<size_t> spec = FindSpec(kInferOutputs, request.outputs(i).name());
    if (!checks.Check(spec.has_value(), path, "is neither IMAGE nor SEED")) continue;
    const InferOutput output = static_cast<InferOutput>(*spec);
    const bool is_first = std::find(outputs.begin(), outputs.end(), output) == outputs.end();
    if (checks.Check(is_first, path, "is another output's too")) outputs.push_back(output);
  }
  return outputs;
}

void CheckDatatype(const Tensor& tensor, InferInput input, int index, RequestChecks& checks) {
  const std::string_view datatype = SpecOf(input).datatype;
  const bool is_signed_seed = input == InferInput::kSeed && tensor.datatype() == "INT64";
  checks.Check(tensor.datatype() == datatype || is_signed_seed, Path("inputs", index, ".datatype"),
               absl::StrCat("must be ", std::string(datatype)));
}

// The N that all inputs share; 0 where they do not.
size_t CheckShapes(const inference::ModelInferRequest& request, const InputIndices& indices,
                   size_t max_rows, RequestChecks& checks) {
  size_t rows = 0;
  for (const std::optional<int>& index : indices) {
    if (!index) continue;
    const auto& shape = request.inputs(*index).shape();
    const std::string path = Path("inputs", *index, ".shape");
    const bool is_column = shape.size() == 2 && shape[1] == 1 && shape[0] >= 1 &&
                           static_cast<uint64_t>(shape[0]) <= max_rows;
    if (!checks.Check(is_column, path,
                      absl::StrCat("must be [N, 1] with N from 1 to ", max_rows))) {
      continue;
    }
    if (rows == 0) rows = static_cast<size_t>(shape[0]);
    checks.Check(static_cast<size_t>(shape[0]) == rows, path,
                 absl::StrCat("must be [", rows, ", 1] as another input's"));
  }
  return rows;
}

// Elements come raw for all inputs or for none.
void CheckRawContents(const inference::ModelInferRequest& request, RequestChecks& checks) {
  if (request.raw_input_contents().empty()) return;
  checks.Check(request.raw_input_contents_size() == request.inputs_size(), "raw_input_contents",
               absl::StrCat("must be as many as the inputs, ", request.inputs_size(), ", or none"));
  for (int i = 0; i < request.inputs_size(); ++i) {
    checks.Check(CountElements(request.inputs(i).contents()) == 0, Path("inputs", i, ".contents"),
                 "must be empty beside raw_input_contents");
  }
}

Column ColumnOf(const inference::ModelInferRequest& request, int index, size_t rows) {
  const Tensor& tensor = request.inputs(index);
  const bool is_raw = !request.raw_input_contents().empty();
  return {.contents = tensor.contents(),
          .raw = is_raw ? &request.raw_input_contents(index) : nullptr,
          .datatype = tensor.datatype(),
          .path = is_raw ? Path("raw_input_contents", index) : Path("inputs", index, ".contents"),
          .rows = rows};
}

// The column's elements, which are in `typed` unless they are raw; nothing when their number or
// datatype is wrong.
template <typename Element, typename Typed>
std::optional<std::vector<Element>> ElementsOf(const Column& column, const Typed& typed) {
  if (column.raw != nullptr) {
    if constexpr (std::is_same_v<Element, std::string_view>) {
      return UnpackBytes(*column.raw, column.rows);
    } else {
      return UnpackNumbers<Element>(*column.raw, column.rows);
    }
  }
  if (static_cast<size_t>(typed.size()) != column.rows) return std::nullopt;
  if (CountElements(column.contents) != column.rows) return std::nullopt;
  return std::vector<Element>(typed.begin(), typed.end());
}

// Calls `set(row, element)` for each row; an element that it returns false for is one that the
// `rule` forbids.
template <typename Element, typename Typed, typename Set>
void SetRows(const Column& column, const Typed& typed, std::string_view rule,
             std::span<v1::GenerateImagesRequest> rows, RequestChecks& checks, Set set) {
  const std::optional<std::vector<Element>> elements = ElementsOf<Element>(column, typed);
  if (!checks.Check(elements.has_value(), column.path,
                    absl::StrCat("must be ", column.rows, " elements of ",
                                 std::string(column.datatype), ", and no more"))) {
    return;
  }
  bool all_set = true;
  for (size_t i = 0; i < rows.size(); ++i) all_set = set(rows[i], (*elements)[i]) && all_set;
  checks.Check(all_set, column.path, rule);
}

void SetTexts(const Column& column, std::span<v1::GenerateImagesRequest> rows,
              RequestChecks& checks,
              void (*set)(v1::GenerateImagesRequest& row, std::string_view text)) {
  SetRows<std::string_view>(column, column.contents.bytes_contents(), "must be UTF-8", rows, checks,
                            [&](v1::GenerateImagesRequest& row, std::string_view text) {
                              if (!IsUtf8(text)) return false;
                              set(row, text);
                              return true;
                            });
}

void SetSeeds(const Column& column, std::span<v1::GenerateImagesRequest> rows,
              RequestChecks& checks) {
  const auto set = [](v1::GenerateImagesRequest& row, auto seed) {
    row.set_seed(static_cast<uint64_t>(seed));
    return seed >= 0;
  };
  if (column.datatype == "INT64") {
    SetRows<int64_t>(column, column.contents.int64_contents(), "must be at least 0", rows, checks,
                     set);
  } else {
    SetRows<uint64_t>(column, column.contents.uint64_contents(), "", rows, checks, set);
  }
}

void SetColumn(InferInput input, const Column& column, std::span<v1::GenerateImagesRequest> rows,
               RequestChecks& checks) {
  using Row = v1::GenerateImagesRequest;
  switch (input) {
    case InferInput::kPrompt:
      return SetTexts(column, rows, checks,
                      [](Row& row, std::string_view text) { row.set_prompt(std::string(text)); });
    case InferInput::kNegativePrompt:
      return SetTexts(column, rows, checks, [](Row& row, std::string_view text) {
        row.set_negative_prompt(std::string(text));
      });
    case InferInput::kSeed: return SetSeeds(column, rows, checks);
    case InferInput::kSteps:
      return SetRows<int32_t>(column, column.contents.int_contents(), "must be at least 1", rows,
                              checks, [](Row& row, int32_t steps) {
                                row.set_num_inference_steps(static_cast<uint32_t>(steps));
                                return steps >= 1;
                              });
    case InferInput::kGuidance:
      return SetRows<float>(column, column.contents.fp32_contents(), "", rows, checks,
                            [](Row& row, float scale) {
                              row.set_guidance_scale(scale);
                              return true;
                            });
  }
}

}  // namespace

absl::StatusOr<InferCall> ParseInferRequest(const inference::ModelInferRequest& request,
                                            const ModelInfo& model, size_t max_rows) {
  if (absl::Status s = CheckModelVersion(request.model_name(), request.model_version(), model);
      !s.ok()) {
    return s;
  }
  RequestChecks checks;
  const InputIndices indices = FindInputs(request, checks);
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i]) continue;
    CheckDatatype(request.inputs(*indices[i]), static_cast<InferInput>(i), *indices[i], checks);
  }
  const size_t rows = CheckShapes(request, indices, max_rows, checks);
  CheckRawContents(request, checks);
  const SchedulePolicy policy = ReadSchedulePolicy(request, checks);
  InferCall call = {.timeout = policy.timeout, .outputs = FindOutputs(request, checks)};
  if (absl::Status s = checks.Result(); !s.ok()) return s;

  call.rows.resize(rows);
  for (v1::GenerateImagesRequest& row : call.rows) {
    row.set_model(model.id);
    row.set_priority(policy.priority);
    if (IsIdentifier(request.id())) row.set_request_id(request.id());
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i]) continue;
    SetColumn(static_cast<InferInput>(i), ColumnOf(request, *indices[i], rows), call.rows, checks);
  }
  if (absl::Status s = checks.Result(); !s.ok()) return s;
  return call;
}

}  // namespace darkroom
