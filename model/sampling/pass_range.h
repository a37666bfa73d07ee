#ifndef DARKROOM_MODEL_SAMPLING_PASS_RANGE_H_
#define DARKROOM_MODEL_SAMPLING_PASS_RANGE_H_

#include <cstddef>
#include <cstdint>

#include "model/image_generator.h"
#include "model/sampling/sampler.h"

namespace darkroom {

// The passes of a sampler that a row really makes: [begin, end).
struct PassRange {
  size_t begin = 0;
  size_t end = 0;

  int count() const { return static_cast<int>(end - begin); }
};

// What strength, denoising_start and denoising_end leave of the sampler's passes
// (StableDiffusionXLImg2ImgPipeline.get_timesteps).
PassRange PassesOf(const ImageRequest& request, const Sampler& sampler, int64_t train_timesteps);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_PASS_RANGE_H_
