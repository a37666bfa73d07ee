#ifndef DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_
#define DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "model/image_generator.h"

namespace darkroom {

// A generator whose image spells its own seed, prompt and number of steps, and whose preview spells
// its seed and the steps made, so that nothing can be lost or crossed unseen. A prompt "fail" fails
// every Start that it takes part in, "nan" every Finish and Preview; "overflow" says that it was
// decoded twice. "lose the device" fails every Step as a device that has failed for good. What is
// not of ImageGenerator is thread-safe.
class FakeImageGenerator final : public ImageGenerator {
 public:
  const ModelInfo& info() const override { return info_; }
  int StepCount(const ImageRequest& request) const override { return request.steps; }
  absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Step(std::span<ImageInProgress* const> rows) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) override;
  absl::StatusOr<RgbImage> Preview(const ImageInProgress& row) override;
  int64_t PeakBytesOf(absl::FunctionRef<void()> work) override {
    work();
    return 0;
  }
  int64_t AvailableBytes() const override { return INT64_MAX; }
  int64_t TotalBytes() const override { return INT64_MAX; }

  // Steps wait from now on, until Release.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_);
  void Release() ABSL_LOCKS_EXCLUDED(mu_);
  // Returns once a step waits because of Hold.
  void AwaitHeldStep() ABSL_LOCKS_EXCLUDED(mu_);
  // Images of this seed fail every Start that they take part in.
  void FailSeed(uint64_t seed) ABSL_LOCKS_EXCLUDED(mu_);
  // Images that have begun.
  int64_t started() const ABSL_LOCKS_EXCLUDED(mu_);

  // What the image of this request spells when it has had all its steps.
  static std::string Spelling(const ImageRequest& request);
  // What its preview spells after so many of them: one grey pixel for each character.
  static std::string PreviewSpelling(const ImageRequest& request, int steps_made);

 private:
  mutable absl::Mutex mu_;
  bool is_held_ ABSL_GUARDED_BY(mu_) = false;
  bool step_waits_ ABSL_GUARDED_BY(mu_) = false;
  std::set<uint64_t> failing_seeds_ ABSL_GUARDED_BY(mu_);
  int64_t started_ ABSL_GUARDED_BY(mu_) = 0;
  ModelInfo info_{.id = "fake", .device = "cpu", .dtype = "float32", .default_size = {8, 8}};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_FAKE_IMAGE_GENERATOR_H_
