#include "server/warm_up.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace darkroom {
namespace {

constexpr int kMaxSide = 256;  // Proves the way as well as 1024, which takes a CPU minutes.

}  // namespace

absl::Status WarmUp(ImageGenerator& generator) {
  const ModelInfo& model = generator.info();
  const int largest = std::max(kMaxSide / model.size_multiple, 1) * model.size_multiple;
  ImageRequest request{.prompt = "warm-up",
                       .size = {std::min(model.default_size.height, largest),
                                std::min(model.default_size.width, largest)},
                       .steps = 2,
                       .guidance_scale = 5};
  request.conditioning = {.original_size = request.size, .target_size = request.size};
  request.negative_conditioning = request.conditioning;
  const ImageRequest* const requests[] = {&request};
  auto started = generator.Start(requests);
  if (!started.ok()) return started.status();
  ImageInProgress* const rows[] = {started->front().get()};
  for (int i = generator.StepCount(request); i > 0; --i) {
    if (absl::Status s = generator.Step(rows); !s.ok()) return s;
  }
  return generator.Finish(rows).status();
}

}  // namespace darkroom
