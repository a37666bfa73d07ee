#ifndef DARKROOM_SERVER_METRICS_IMAGE_METRICS_H_
#define DARKROOM_SERVER_METRICS_IMAGE_METRICS_H_

#include <array>
#include <cstddef>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "darkroom/v1/image_generation.pb.h"
#include "server/metrics/families.h"
#include "server/metrics/size_class.h"

namespace darkroom {

// Where an image's time goes.
enum class Stage { kParse, kTextEncode, kDenoiseStep, kVaeDecode, kEncode, kSend };

// The images that were made, and the stages on their way. Thread-safe; recording never blocks for
// long.
class ImageMetrics {
 public:
  ImageMetrics(prometheus::Registry& registry, const std::string& model);

  // One run of a stage.
  void OnStage(Stage stage, absl::Duration took);
  void OnImage(int64_t pixels) { images_[SizeClassOf(pixels)]->Increment(); }
  // An image overflowed its decoder's dtype and was decoded again.
  void OnNanRetry() { nan_retries_.Increment(); }
  // An image as callers get it.
  void OnPacked(v1::ImageFormat format, size_t bytes);

 private:
  struct Packed {
    prometheus::Counter* bytes;
    prometheus::Histogram* sizes;
  };

  std::map<Stage, prometheus::Histogram*> stages_;
  std::array<prometheus::Counter*, kSizeClasses.size()> images_;
  prometheus::Counter& nan_retries_;
  std::map<v1::ImageFormat, Packed> packed_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METRICS_IMAGE_METRICS_H_
