#ifndef DARKROOM_CLIENT_CLI_GENERATE_OPTIONS_H_
#define DARKROOM_CLIENT_CLI_GENERATE_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "darkroom/v1/image_generation.pb.h"

namespace CLI {
class App;
}

namespace darkroom {

// What `darkroom generate` was told, as it was typed.
struct GenerateFlags {
  std::vector<std::string> prompts;
  // One value for all prompts, or one for each, with commas between.
  std::optional<std::string> seed;
  std::optional<std::string> steps;
  std::optional<std::string> guidance;
  std::optional<std::string> strength;
  std::vector<std::string> init_images;  // Files; none, one for all prompts, or one for each.
  // One value for all prompts.
  std::optional<std::string> num_images;
  std::optional<std::string> size;
  std::optional<std::string> negative;
  std::optional<std::string> scheduler;
  std::string format = "png";
  std::optional<std::string> quality;
  std::string output = ".";  // The folder for the images.
  std::string grid;          // The contact sheet's file, as seen from `output`; empty for none.
};

// Declares the flags; parsing `command` fills `flags`, which must outlive that.
void AddGenerateFlags(CLI::App& command, GenerateFlags& flags);

// One request for each prompt, in order, with the bytes of its image. INVALID_ARGUMENT says which
// flag makes no sense, or which file cannot be read. Limits that are the server's, such as the
// number of steps, are left to the server.
absl::StatusOr<std::vector<v1::GenerateImagesRequest>> MakeRequests(const GenerateFlags& flags);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_GENERATE_OPTIONS_H_
