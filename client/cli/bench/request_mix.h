#ifndef DARKROOM_CLIENT_CLI_BENCH_REQUEST_MIX_H_
#define DARKROOM_CLIENT_CLI_BENCH_REQUEST_MIX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// Requests that are alike but for their prompts and seeds.
struct RequestKind {
  std::string name;
  double weight = 1;                  // Its share, by the sum of all weights.
  v1::GenerateImagesRequest request;  // Without prompt, seed and id.
  std::vector<std::string> prompts;   // At least one; drawn evenly.
};

// What is asked of a server under load.
struct RequestMix {
  std::string name;
  std::vector<RequestKind> kinds;  // At least one.
};

// Parses a mix: {"kinds": [{"name": ..., "weight": ..., ...}, ...]}, as docs/api.md describes it.
// `name` is the mix's, and what errors (INVALID_ARGUMENT) begin with; then comes the place, as in
// "load.json: kinds[2].steps: ...".
absl::StatusOr<RequestMix> ParseMix(const std::string& name, absl::string_view json);

// The names of those that are built in.
std::vector<std::string> BuiltInMixes();

// A mix that is built in, else the one in this file.
absl::StatusOr<RequestMix> LoadMix(const std::string& name_or_file);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_REQUEST_MIX_H_
