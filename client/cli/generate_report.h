#ifndef DARKROOM_CLIENT_CLI_GENERATE_REPORT_H_
#define DARKROOM_CLIENT_CLI_GENERATE_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// What became of one prompt.
struct PromptOutcome {
  v1::GenerateImagesRequest request;
  absl::Status status;               // The first thing that went wrong.
  v1::GenerateImagesResponse reply;  // Empty when the call failed.
  std::vector<std::string> files;    // Those written, in the order of reply.images().
};

// What became of one run of `darkroom generate`.
struct GenerateReport {
  std::vector<PromptOutcome> prompts;
  absl::Duration elapsed;     // From the first request to the last answer.
  std::string contact_sheet;  // Its file; empty when there is none.
};

// How full the passes were, as the images saw it: each step of each image counts once.
struct PassSizes {
  unsigned min = 0;
  double mean = 0;
  unsigned max = 0;
};
// Over all answered requests; nothing when the server did not say.
std::optional<PassSizes> SharedPasses(const GenerateReport& report);

// A line for every image (file, seed, prompt), then how many there are and how they were batched.
std::string ToText(const GenerateReport& report);

// The same and more as one JSON object: images, errors, seconds, batch_sizes, contact_sheet.
std::string ToJson(const GenerateReport& report);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_GENERATE_REPORT_H_
