#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/bench/request_mix.h"
#include "client/cli/input_files.h"

namespace darkroom {
namespace {

// As files would hold them.
constexpr std::pair<const char*, const char*> kMixes[] = {
    // One image each, as the model makes it by default.
    {"plain", R"({"kinds": [{"name": "plain"}]})"},
    // Many drafts, some pictures, few that are worked out: requests that differ in work by an order
    // of magnitude, as those of people at a prompt do.
    {"mixed", R"({"kinds": [
       {"name": "draft", "weight": 50, "steps": 4},
       {"name": "picture", "weight": 40, "steps": 20},
       {"name": "detailed", "weight": 10, "steps": 50}]})"},
    // A shop's two sides: customers who wait for one picture, and a catalogue made meanwhile.
    {"priorities", R"({"kinds": [
       {"name": "waiting", "weight": 70, "priority": "high"},
       {"name": "usual", "weight": 20},
       {"name": "bulk", "weight": 10, "images": 4, "priority": "low"}]})"},
};

}  // namespace

std::vector<std::string> BuiltInMixes() {
  std::vector<std::string> names;
  for (const auto& [name, unused] : kMixes) names.push_back(name);
  return names;
}

absl::StatusOr<RequestMix> LoadMix(const std::string& name_or_file) {
  for (const auto& [name, text] : kMixes) {
    if (name_or_file == name) return ParseMix(name, text);
  }
  const absl::StatusOr<std::string> text = ReadFile(name_or_file);
  if (text.ok()) return ParseMix(name_or_file, *text);
  return absl::InvalidArgumentError(
      absl::StrCat("neither one of ", absl::StrJoin(BuiltInMixes(), ", "),
                   " nor a file that can be read: ", text.status().message()));
}

}  // namespace darkroom
