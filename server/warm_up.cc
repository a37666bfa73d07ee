#include "server/warm_up.h"

#include <memory>
#include <utility>
#include <vector>

namespace darkroom {

absl::Status WarmUp(ImageGenerator& generator) {
  ImageRequest request{
      .prompt = "warm-up", .size = generator.info().default_size, .steps = 2, .guidance_scale = 5};
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
