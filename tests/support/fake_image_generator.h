#ifndef DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_
#define DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_

#include <memory>
#include <string>
#include <vector>

#include "model/image_generator.h"

namespace darkroom {

// A generator whose image spells its own seed, prompt and number of steps, so that nothing can be
// lost or crossed unseen. A prompt "fail" fails every Start that it takes part in, "nan" every
// Finish; "overflow" says that it was decoded twice.
class FakeImageGenerator final : public ImageGenerator {
 public:
  const ModelInfo& info() const override { return info_; }
  int StepCount(const ImageRequest& request) const override { return request.steps; }
  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override;
  absl::Status Step(std::span<ImageInProgress* const> rows) override;
  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override;
  int64_t PeakBytesOf(absl::FunctionRef<void()> work) override {
    work();
    return 0;
  }
  int64_t AvailableBytes() const override { return INT64_MAX; }

  // What the image of this request spells when it has had all its steps.
  static std::string Spelling(const ImageRequest& request);

 private:
  ModelInfo info_{.id = "fake", .device = "cpu", .dtype = "float32", .default_size = {8, 8}};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_
