#include "server/warm_up.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr int kMaxSide = 256;  // Proves the way as well as 1024, which takes a CPU minutes.
constexpr int kSteps = 4;      // The first is slower than the rest; a median of four forgets it.
constexpr absl::Duration kPatience = absl::Seconds(10);  // With what only teaches.

ImageRequest MakeRequest(const ModelInfo& model) {
  const int largest = std::max(kMaxSide / model.size_multiple, 1) * model.size_multiple;
  ImageRequest request{.prompt = "warm-up",
                       .size = {std::min(model.default_size.height, largest),
                                std::min(model.default_size.width, largest)},
                       .steps = kSteps,
                       .guidance_scale = 5};
  request.conditioning = {.original_size = request.size, .target_size = request.size};
  request.negative_conditioning = request.conditioning;
  return request;
}

// Makes images in batches and writes down what their calls take.
class WarmUpRun {
 public:
  WarmUpRun(ImageGenerator& generator, Clock& clock)
      : generator_(generator), clock_(clock), request_(MakeRequest(generator.info())) {
    const int factor = generator.info().latent_factor;
    key_ = {request_.size.height / factor, request_.size.width / factor};
  }

  absl::Status MakeBatch(int rows) {
    std::vector<ImageRequest> batch(static_cast<size_t>(rows), request_);
    std::vector<const ImageRequest*> requests;
    for (ImageRequest& request : batch) {  // Equal prompts would be encoded once.
      request.prompt += absl::StrCat(" ", requests.size());
      requests.push_back(&request);
    }
    std::vector<std::unique_ptr<ImageInProgress>> started;
    const auto start = [&] {
      auto result = generator_.Start(requests);
      if (result.ok()) started = *std::move(result);
      return result.status();
    };
    if (absl::Status s = Timed(CallKind::kStart, rows, start); !s.ok()) return s;
    std::vector<ImageInProgress*> images;
    for (const auto& row : started) images.push_back(row.get());
    for (int i = generator_.StepCount(request_); i > 0; --i) {
      const auto step = [&] { return generator_.Step(images); };
      if (absl::Status s = Timed(CallKind::kStep, rows, step); !s.ok()) return s;
    }
    return Timed(CallKind::kFinish, rows, [&] { return generator_.Finish(images).status(); });
  }

  // What a batch would take if nothing were shared.
  absl::Duration AtMost(int rows) const {
    const CostModel& costs = profile_.costs;
    const double alone = costs.Start(key_, 1) + costs.Finish(key_, 1) +
                         generator_.StepCount(request_) * costs.Step(key_, 2);
    return absl::Seconds(rows * alone);
  }

  const DeviceProfile& profile() const { return profile_; }

 private:
  template <typename Call>
  absl::Status Timed(CallKind kind, int rows, const Call& call) {
    const absl::Time begin = clock_.TimeNow();
    const absl::Status status = call();
    const absl::Time end = clock_.TimeNow();
    if (status.ok()) {
      const int size = kind == CallKind::kStep && IsGuided(request_) ? 2 * rows : rows;
      profile_.costs.Observe(kind, key_, size, absl::ToDoubleSeconds(end - begin));
    } else if (absl::IsResourceExhausted(status)) {
      profile_.caps.OnOutOfMemory(kind, key_, rows, end);
    }
    return status;
  }

  ImageGenerator& generator_;
  Clock& clock_;
  const ImageRequest request_;
  BatchKey key_;
  DeviceProfile profile_;
};

}  // namespace

absl::StatusOr<DeviceProfile> WarmUp(ImageGenerator& generator, int max_batch_size, Clock& clock) {
  WarmUpRun run(generator, clock);
  if (absl::Status s = run.MakeBatch(1); !s.ok()) return s;
  if (run.AtMost(1) <= kPatience) {  // The first calls of a process are slower than all others.
    if (absl::Status s = run.MakeBatch(1); !s.ok()) return s;
  }
  for (int rows = max_batch_size; rows > 1 && run.AtMost(rows) <= kPatience; rows /= 2) {
    // Without room for so many, half as many are tried.
    if (absl::Status s = run.MakeBatch(rows); !absl::IsResourceExhausted(s)) {
      if (!s.ok()) return s;
      break;
    }
  }
  return run.profile();
}

}  // namespace darkroom
