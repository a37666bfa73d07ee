#ifndef DARKROOM_SERVER_REQUEST_CHECKS_H_
#define DARKROOM_SERVER_REQUEST_CHECKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/status_details.h"

namespace darkroom {

inline constexpr size_t kMaxPromptBytes = 8192;

// Collects every violation of one request. Checks are named by what must hold.
class RequestChecks {
 public:
  // Notes a violation of the field when `holds` is false; returns `holds`.
  bool Check(bool holds, std::string_view field, std::string_view description);

  void InRange(std::string_view field, uint64_t value, uint64_t low, uint64_t high);
  // NaN is in no range.
  void InRange(std::string_view field, double value, double low, double high);
  void PromptFits(std::string_view field, std::string_view prompt);

  // The field's bytes are no image that we read; `why` is of InspectImageFile.
  void NotAnImage(std::string_view field, const absl::Status& why);

  // The field is set, but its feature is not built into this server.
  void NotBuilt(bool is_set, std::string_view field);

  // OK, or InvalidRequest() of all violations.
  absl::Status Result() const;

 private:
  std::vector<FieldViolation> violations_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_REQUEST_CHECKS_H_
