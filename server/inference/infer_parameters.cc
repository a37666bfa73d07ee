#include "server/inference/infer_parameters.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/inference/model_description.h"

namespace darkroom {
namespace {

std::optional<uint64_t> WholeNumber(const inference::InferParameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case inference::InferParameter::kUint64Param: return parameter.uint64_param();
    case inference::InferParameter::kInt64Param:
      if (parameter.int64_param() < 0) return std::nullopt;
      return static_cast<uint64_t>(parameter.int64_param());
    case inference::InferParameter::kStringParam: {
      uint64_t number = 0;
      if (!absl::SimpleAtoi(parameter.string_param(), &number)) return std::nullopt;
      return number;
    }
    default: return std::nullopt;
  }
}

// Zero where the parameter is absent.
uint64_t ReadParameter(const inference::ModelInferRequest& request, const std::string& name,
                       RequestChecks& checks) {
  const auto found = request.parameters().find(name);
  if (found == request.parameters().end()) return 0;
  const std::optional<uint64_t> number = WholeNumber(found->second);
  checks.Check(number.has_value(), absl::StrCat("parameters[", name, "]"),
               "must be a whole number, at least 0");
  return number.value_or(0);
}

v1::Priority PriorityOfLevel(uint64_t level) {
  static_assert(kPriorityLevels == 3 && kDefaultPriorityLevel == 2);
  switch (level) {
    case 1: return v1::PRIORITY_HIGH;
    case 2: return v1::PRIORITY_NORMAL;
    case 3: return v1::PRIORITY_LOW;
    default: return v1::PRIORITY_UNSPECIFIED;
  }
}

absl::Duration TimeoutOf(uint64_t microseconds) {
  if (microseconds == 0) return absl::InfiniteDuration();
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  return absl::Microseconds(static_cast<int64_t>(std::min(microseconds, kMost)));
}

}  // namespace

SchedulePolicy ReadSchedulePolicy(const inference::ModelInferRequest& request,
                                  RequestChecks& checks) {
  return {.priority = PriorityOfLevel(ReadParameter(request, "priority", checks)),
          .timeout = TimeoutOf(ReadParameter(request, "timeout", checks))};
}

}  // namespace darkroom
