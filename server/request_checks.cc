#include "server/request_checks.h"

#include "absl/strings/str_cat.h"

namespace darkroom {
bool RequestChecks::Check(bool holds, std::string_view field, std::string_view description) {
  if (!holds) {
    violations_.push_back({.field = std::string(field), .description = std::string(description)});
  }
  return holds;
}

void RequestChecks::InRange(std::string_view field, uint64_t value, uint64_t low, uint64_t high) {
  Check(value >= low && value <= high, field,
        absl::StrCat("must be ", low, " to ", high, ", not ", value));
}

void RequestChecks::InRange(std::string_view field, double value, double low, double high) {
  Check(value >= low && value <= high, field,
        absl::StrCat("must be ", low, " to ", high, ", not ", value));
}

void RequestChecks::PromptFits(std::string_view field, std::string_view prompt) {
  if (prompt.size() <= kMaxPromptBytes) return;
  violations_.push_back({.field = std::string(field),
                         .description = absl::StrCat("must be at most ", kMaxPromptBytes,
                                                     " bytes of UTF-8, not ", prompt.size()),
                         .reason = kReasonPromptTooLong});
}

void RequestChecks::NotAnImage(std::string_view field, const absl::Status& why) {
  violations_.push_back({.field = std::string(field),
                         .description = std::string(why.message()),
                         .reason = kReasonImageDecode});
}

void RequestChecks::NotBuilt(bool is_set, std::string_view field) {
  if (!is_set) return;
  violations_.push_back({.field = std::string(field),
                         .description = "is set, but this server does not have the feature",
                         .reason = kReasonNotBuilt});
}

absl::Status RequestChecks::Result() const {
  return violations_.empty() ? absl::OkStatus() : InvalidRequest(violations_);
}

}  // namespace darkroom
