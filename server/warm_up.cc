#include "server/warm_up.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr int kMaxSide = 256;  // Proves the way as well as 1024, which takes a CPU minutes.
constexpr int kSteps = 4;      // The first is slower than the rest.
constexpr int kSamples = 2;    // Of a row with guidance, in a pass.
constexpr absl::Duration kPatience = absl::Seconds(10);  // With what only teaches.

ImageRequest MakeRequest(const ModelInfo& model) {
  const int largest = model.warms_by_shape
                          ? std::max(model.default_size.height, model.default_size.width)
                          : std::max(kMaxSide / model.size_multiple, 1) * model.size_multiple;
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
  WarmUpRun(ImageGenerator& generator, const BatchOptions& options, Clock& clock)
      : generator_(generator), clock_(clock), request_(MakeRequest(generator.info())) {
    profile_.costs.PadTo(options.padded_sizes);
    const int factor = generator.info().latent_factor;
    key_ = {request_.size.height / factor, request_.size.width / factor};
  }

  absl::Status MakeBatch(int rows) {
    std::vector<ImageRequest> batch(static_cast<size_t>(rows), request_);
    std::vector<const ImageRequest*> requests;
    for (ImageRequest& request : batch) {  // A prompt is encoded once only.
      absl::StrAppend(&request.prompt, " ", ++prompts_);
      requests.push_back(&request);
    }
    std::vector<std::unique_ptr<ImageInProgress>> started;
    const auto start = [&] {
      auto result = generator_.Start(requests);
      if (result.ok()) started = *std::move(result);
      return result.status();
    };
    if (absl::Status s = Measure(CallKind::kStart, rows, 1, start); !s.ok()) return s;
    std::vector<ImageInProgress*> images;
    for (const auto& row : started) images.push_back(row.get());
    const auto step = [&] { return generator_.Step(images); };
    const int steps = generator_.StepCount(request_);
    if (absl::Status s = Measure(CallKind::kStep, rows, steps, step); !s.ok()) return s;
    const auto finish = [&] { return generator_.Finish(images).status(); };
    return Measure(CallKind::kFinish, rows, 1, finish);
  }

  // About what a batch would take.
  absl::Duration Estimate(int rows) const {
    const CostModel& costs = profile_.costs;
    return absl::Seconds(costs.Start(key_, rows) + costs.Finish(key_, rows) +
                         generator_.StepCount(request_) * costs.Step(key_, rows * kSamples));
  }

  DeviceProfile profile() const {
    DeviceProfile profile = profile_;
    profile.caps.SetMemory(generator_.AvailableBytes());
    return profile;
  }

 private:
  // Makes the call so many times; writes down what the fastest took, and its memory. The fastest,
  // for a machine that is busy while it starts must not look slow: deadlines would be refused for
  // it.
  absl::Status Measure(CallKind kind, int rows, int times, absl::FunctionRef<absl::Status()> call) {
    absl::Duration fastest = absl::InfiniteDuration();
    absl::Status status;
    const int64_t bytes = generator_.PeakBytesOf([&] {
      for (int i = 0; i < times && status.ok(); ++i) {
        const absl::Time begin = clock_.TimeNow();
        status = call();
        fastest = std::min(fastest, clock_.TimeNow() - begin);
      }
    });
    if (absl::IsResourceExhausted(status)) {
      profile_.caps.OnOutOfMemory(kind, key_, rows, clock_.TimeNow());
    }
    if (!status.ok()) return status;
    const int size = kind == CallKind::kStep ? rows * kSamples : rows;
    profile_.costs.Observe(kind, key_, size, absl::ToDoubleSeconds(fastest));
    const int held = kind == CallKind::kStep ? profile_.costs.Padded(size) / kSamples : rows;
    profile_.caps.OnMeasured(kind, key_, held, bytes);
    return status;
  }

  ImageGenerator& generator_;
  Clock& clock_;
  const ImageRequest request_;
  int prompts_ = 0;  // That were asked for.
  BatchKey key_;
  DeviceProfile profile_;
};

}  // namespace

absl::StatusOr<DeviceProfile> WarmUp(ImageGenerator& generator, const BatchOptions& options,
                                     Clock& clock) {
  WarmUpRun run(generator, options, clock);
  if (absl::Status s = run.MakeBatch(1); !s.ok()) return s;
  if (run.Estimate(1) <= kPatience) {  // The first calls of a process are slower than all others.
    if (absl::Status s = run.MakeBatch(1); !s.ok()) return s;
  }
  int largest = options.max_batch_size;
  for (; largest > 1 && run.Estimate(largest) <= kPatience; largest /= 2) {
    // Without room for so many, half as many are tried.
    if (absl::Status s = run.MakeBatch(largest); !absl::IsResourceExhausted(s)) {
      if (!s.ok()) return s;
      break;
    }
  }
  // Padded passes have one shape, which they have met by now.
  const bool meets_more = generator.info().warms_by_shape && options.padded_sizes.empty();
  const absl::Time end = clock.TimeNow() + kPatience;
  for (int rows = 2; meets_more && rows < largest; ++rows) {
    if (clock.TimeNow() + run.Estimate(rows) > end) break;
    const absl::Status s = run.MakeBatch(rows);
    if (absl::IsResourceExhausted(s)) break;  // The bound is learned, and the images were made.
    if (!s.ok()) return s;
  }
  return run.profile();
}

}  // namespace darkroom
