#ifndef DARKROOM_BENCH_MEASURE_H_
#define DARKROOM_BENCH_MEASURE_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/sdxl_pipeline.h"

namespace darkroom {

// What the programs that time a generator share.

// Of at least one value; the upper of two in the middle.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Ends the program with 3 where the checkpoint does not load.
inline std::unique_ptr<ImageGenerator> LoadOrExit(const char* checkpoint,
                                                  const SdxlOptions& options = {}) {
  auto generator = LoadSdxlPipeline(checkpoint, options);
  if (generator.ok()) return *std::move(generator);
  std::fprintf(stderr, "%s\n", std::string(generator.status().message()).c_str());
  std::exit(3);
}

// Asks for a guided image, its seed its number, and leaves all else as it is.
inline ImageRequest MakeRequest(std::string prompt, ImageSize size, int steps,
                                double guidance_scale, int number) {
  ImageRequest request{.prompt = std::move(prompt),
                       .size = size,
                       .steps = steps,
                       .guidance_scale = guidance_scale,
                       .seed = static_cast<uint64_t>(number)};
  request.conditioning = {.original_size = size, .target_size = size};
  request.negative_conditioning = request.conditioning;
  return request;
}

// The whole-number argument at this place, at least 1, or the default.
inline int CountArgument(int argc, char** argv, int place, int otherwise) {
  return argc > place ? std::max(1, std::atoi(argv[place])) : otherwise;
}

}  // namespace darkroom

#endif  // DARKROOM_BENCH_MEASURE_H_
