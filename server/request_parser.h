#ifndef DARKROOM_SERVER_REQUEST_PARSER_H_
#define DARKROOM_SERVER_REQUEST_PARSER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/field_rules.h"

namespace darkroom {

// A request with every default resolved: one entry of `images` for each image, in order. They
// differ in their seeds alone. An init_image is not read yet: only `size` knows of it.
struct ParsedRequest {
  std::string request_id;
  std::vector<ImageRequest> images;
  v1::ImageFormat format = v1::IMAGE_FORMAT_PNG;
  int quality = 90;  // Of JPEG and WebP.
  bool embed_parameters = true;
};

// Checks everything before any work is done. INVALID_ARGUMENT names every field that breaks a rule,
// and every one that is set though its feature is not built; NOT_FOUND when the model is not ours.
// Of an init_image the header alone is read. An absent seed and
// request id are drawn. Thread-safe.
absl::StatusOr<ParsedRequest> ParseRequest(const v1::GenerateImagesRequest& request,
                                           const ModelInfo& model, const RequestRules& rules);

// NOT_FOUND, with its reason.
absl::Status NoSuchModel(std::string_view name);

// NoSuchModel unless the name is empty or the model's id.
absl::Status CheckModelName(std::string_view name, std::string_view id);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_REQUEST_PARSER_H_
