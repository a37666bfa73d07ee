#ifndef DARKROOM_MODEL_SAMPLING_SAMPLER_H_
#define DARKROOM_MODEL_SAMPLING_SAMPLER_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "model/sampling/request_noise.h"

namespace darkroom {

// One row's way from noise to image: where it stands, and what it remembers of its last passes. A
// pass asks for timestep() and ScaleModelInput(), then hands the UNet's prediction to Step(). Not
// thread-safe.
//
// Latents and predictions are float32, [channels, h, w].
class Sampler {
 public:
  virtual ~Sampler() = default;

  // The same state, to go on from on its own.
  virtual std::unique_ptr<Sampler> Clone() const = 0;

  // Passes of a step that only together make one.
  virtual int order() const { return 1; }

  // The first noise is drawn at this strength, where there is nothing but noise.
  virtual float initial_sigma() const { return 1; }

  // An image's latents under as much noise as this pass expects to find.
  virtual at::Tensor AddNoise(const at::Tensor& latents, const at::Tensor& noise) const = 0;

  // The latents as the UNet wants to see them in this pass.
  virtual at::Tensor ScaleModelInput(const at::Tensor& latents) const { return latents; }

  // The image without noise that a prediction of this pass means.
  virtual at::Tensor Denoised(const at::Tensor& prediction, const at::Tensor& latents) const = 0;

  // The next latents; the next pass begins. Draws from `noise` what the rule needs.
  virtual at::Tensor Step(const at::Tensor& prediction, const at::Tensor& latents,
                          RequestNoise& noise) = 0;

  // Leaves out the passes before this one; before the first Step.
  void SkipTo(size_t pass) { pass_ = pass; }

  // Of this pass.
  float timestep() const { return static_cast<float>((*timesteps_)[pass_]); }
  const std::vector<double>& timesteps() const { return *timesteps_; }

 protected:
  explicit Sampler(std::vector<double> timesteps)
      : timesteps_(std::make_shared<const std::vector<double>>(std::move(timesteps))) {}
  Sampler(const Sampler&) = default;

  size_t pass_ = 0;

 private:
  std::shared_ptr<const std::vector<double>> timesteps_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SAMPLING_SAMPLER_H_
