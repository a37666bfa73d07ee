#ifndef DARKROOM_CLIENT_CLI_OUTPUT_FILES_H_
#define DARKROOM_CLIENT_CLI_OUTPUT_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// `<request_id>-<index>-<seed>.<extension>`, always a plain name within a folder: an id that is not
// 1 to 64 of [A-Za-z0-9._-], and so could lead elsewhere, is refused, as is an image without a
// known format or without data. INTERNAL, for such a reply is the server's fault.
absl::StatusOr<std::string> ImageFileName(absl::string_view request_id, const v1::Image& image);

// `name` within `folder`; the bare name for ".".
std::string PathIn(const std::string& folder, const std::string& name);

// Makes the folder and those above it, unless they are there.
absl::Status MakeFolder(const std::string& folder);

// Puts the bytes into the file, replacing it if there is one. Readers see the old file or all of
// the new one; after an error the old one.
absl::Status WriteFile(const std::string& path, absl::string_view bytes);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_OUTPUT_FILES_H_
