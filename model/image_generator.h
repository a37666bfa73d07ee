#ifndef DARKROOM_MODEL_IMAGE_GENERATOR_H_
#define DARKROOM_MODEL_IMAGE_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace darkroom {

// How the steps spread over the training timesteps (Table 2 of arXiv 2305.08891).
enum class TimestepSpacing { kLeading, kTrailing, kLinspace };

// The rule that turns predicted noise into the next latents.
enum class SchedulerType {
  kEuler,
  kEulerAncestral,
  kDpmpp2m,
  kDpmpp2mKarras,
  kDpmpp2mSde,
  kDdim,
  kUniPc,
  kHeun,
  kLcm
};

// Whose random numbers make noise; both can be computed anywhere.
enum class GeneratorDevice { kCpu, kCuda };

struct ImageSize {
  int height = 0;
  int width = 0;
};

// What SDXL is told of an image's history: the six time ids of StableDiffusionXLPipeline, pixels.
struct MicroConditioning {
  ImageSize original_size;
  int crop_top = 0;
  int crop_left = 0;
  ImageSize target_size;
};

// 8-bit RGB, row by row from the top: [height, width, 3].
struct RgbImage {
  ImageSize size;
  std::vector<uint8_t> pixels;
};

// Everything that decides one image. Defaults are resolved and limits checked before it gets here.
struct ImageRequest {
  std::string prompt;
  std::string prompt_2;  // Empty: `prompt`.
  // Absent: zeros where the checkpoint says so, else the empty prompt.
  std::optional<std::string> negative_prompt;
  std::string negative_prompt_2;  // Empty: `negative_prompt`.
  ImageSize size;                 // Multiples of ModelInfo::size_multiple.
  int steps = 1;
  double guidance_scale = 1;    // At most 1: no guidance.
  double guidance_rescale = 0;  // 0 to 1: how far guidance is kept from changing the contrast.
  int clip_skip = 0;            // Layers of the text encoders to skip; at most the model's max.
  // Begins from this image, of `size`, instead of noise alone. Requests may share it.
  std::shared_ptr<const RgbImage> init_image;
  double strength = 1;  // Share of the steps, of its end, that an image goes through.
  // With an image: the share of the schedule, 0 to 1, at which to begin, instead of `strength` and
  // without adding noise. 0 and 1 leave the place to `strength`, as in diffusers.
  std::optional<double> denoising_start;
  double denoising_end = 1;  // Share of the schedule, 0 to 1 exclusive, at which to stop; 1: none.
  uint64_t seed = 0;
  GeneratorDevice generator_device = GeneratorDevice::kCpu;
  SchedulerType scheduler = SchedulerType::kEuler;
  std::optional<TimestepSpacing> spacing;  // Absent: the checkpoint's.
  MicroConditioning conditioning;
  MicroConditioning negative_conditioning;
};

// Guidance at 1 is the prompt's prediction alone, so the other half is left out, as in diffusers.
// With it an image brings two samples to each UNet pass, without it one.
inline bool IsGuided(const ImageRequest& request) { return request.guidance_scale > 1; }

struct ModelInfo {
  std::string id;
  // Identifies the content of the checkpoint's weights and configurations, whatever folder they are
  // in: SHA-256, 64 hexadecimal digits.
  std::string hash;
  std::string device;     // "cpu", "cuda:0".
  std::string dtype;      // "float32", "float16", "bfloat16" or "float8".
  std::string vae_dtype;  // One of the first three.
  std::string libtorch;   // The versions that it runs on; `cuda` is empty on a CPU.
  std::string cuda;
  ImageSize default_size;
  int size_multiple = 8;  // Heights and widths are multiples of this.
  int latent_factor = 8;  // Pixels per latent, in each direction.
  // The first pass of each size, and of each number of samples, takes much longer than the next.
  bool warms_by_shape = false;
  int max_clip_skip = 0;
  int max_lcm_steps = 50;
  SchedulerType default_scheduler = SchedulerType::kEuler;
};

// One image under way. Made by Start, owned by the caller, and touched by its generator's calls
// alone.
class ImageInProgress {
 public:
  virtual ~ImageInProgress() = default;

  // Tokens cut from the longest of its prompts.
  virtual int truncated_tokens() const = 0;

  // After Finish: its image overflowed the decoder's dtype and was decoded again in float32.
  virtual bool decoded_twice() const = 0;
};

// The port that the server sees: makes images, several in one pass.
//
// Not thread-safe: one thread, one call at a time. Rows may differ in all but their size, and no
// row's image depends on the others' presence beyond float rounding. A failed call changes nothing;
// RESOURCE_EXHAUSTED when memory ran out.
class ImageGenerator {
 public:
  virtual ~ImageGenerator() = default;

  // Constant; from any thread.
  virtual const ModelInfo& info() const = 0;

  // Number of Step calls from Start to Finish; from any thread. Not always the requested steps:
  // Heun's steps take two, an image, denoising_start and denoising_end leave some out, and
  // diffusers' trailing spacing now and then rounds to one more. 0 where nothing is left to do.
  virtual int StepCount(const ImageRequest& request) const = 0;

  // Encodes prompts and images and draws the noise; one result for each request, in order.
  virtual absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> Start(
      std::span<const ImageRequest* const> requests) = 0;

  // One denoising step of every row, each at its own timestep, in one UNet pass. Every row has
  // steps left, and all have the same size.
  virtual absl::Status Step(std::span<ImageInProgress* const> rows) = 0;

  // The images of rows without steps left, in order. DATA_LOSS when one of them is not a number,
  // also after it was decoded again in float32.
  virtual absl::StatusOr<std::vector<RgbImage>> Finish(std::span<ImageInProgress* const> rows) = 0;

  // About what the row's image will look like, one pixel per latent: what its last step predicted,
  // without the noise that is left; before the first step, what it begins with. Cheap. DATA_LOSS
  // when it is not a number.
  virtual absl::StatusOr<RgbImage> Preview(const ImageInProgress& row) = 0;

  // The most bytes of the device's memory that calls of this generator, which `work` makes, held at
  // once beyond what was held before; without what libraries take for themselves.
  virtual int64_t PeakBytesOf(absl::FunctionRef<void()> work) = 0;

  // Bytes of the device's memory that further calls may take; INT64_MAX when nobody knows.
  virtual int64_t AvailableBytes() const = 0;

  // Bytes of the device's memory that there are for this process; likewise. From any thread.
  virtual int64_t TotalBytes() const = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_IMAGE_GENERATOR_H_
