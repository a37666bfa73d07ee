#ifndef DARKROOM_SERVER_IMAGE_REPLY_H_
#define DARKROOM_SERVER_IMAGE_REPLY_H_

#include "absl/status/statusor.h"
#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/request_parser.h"

namespace darkroom {

// The image as callers get it: packed in the format of its request, with its parameters inside.
absl::StatusOr<v1::Image> PackImage(const v1::GenerateImagesRequest& request,
                                    const ParsedRequest& parsed, size_t index,
                                    const RgbImage& image, const ModelInfo& model);

// An image that a ContentFilter keeps back: all but its data.
v1::Image FilteredImage(const ParsedRequest& parsed, size_t index);

// A small JPEG.
absl::StatusOr<v1::Preview> PackPreview(size_t index, int step, const RgbImage& image);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_IMAGE_REPLY_H_
