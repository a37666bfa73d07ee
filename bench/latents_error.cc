// How far float8 takes an image's latents from float16's. Both go through the same guided steps,
// each from its own latents. Prints for every step a line of JSON with |float8 - float16| /
// |float16| of `prediction`, from float16's latents, and of `latents` after it.
//
// Usage: latents_error CHECKPOINT cpu|cuda SIDE STEPS (SIDE 0: the model's own)

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure.h"
#include "model/gpu.h"
#include "model/guidance.h"
#include "model/sampling/request_noise.h"
#include "model/sdxl_checkpoint.h"
#include "model/sdxl_conditions.h"
#include "model/unet/unet_runner.h"
#include "nlohmann/json.hpp"

namespace darkroom {
namespace {

constexpr double kGuidance = 8;
constexpr uint64_t kSeed = 1;

template <typename T>
T ValueOrThrow(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(value.status().message()));
  return *std::move(value);
}

// An image on its way through the UNet of one dtype.
class Traveller {
 public:
  Traveller(const std::string& folder, at::Device device, Dtype dtype, int side, int steps)
      : checkpoint_(ValueOrThrow(SdxlCheckpoint::Load(folder, device, dtype, Dtype::kFloat16))),
        prompts_(checkpoint_.prompts, /*one_by_one=*/false),
        runner_(checkpoint_.unet),
        noise_(kSeed, GeneratorDevice::kCpu, at::TensorOptions(device).dtype(at::kFloat)) {
    const auto factor = static_cast<int>(checkpoint_.vae.config().factor());
    const auto own = static_cast<int>(checkpoint_.unet.config().sample_size);
    const int latents_side = side > 0 ? side / factor : own;
    const ImageSize size{latents_side * factor, latents_side * factor};
    const ImageRequest request = MakeRequest("a picture", size, steps, kGuidance, kSeed);
    const std::vector<const ImageRequest*> requests = {&request};
    conditions_ = std::move(
        MakeConditions(prompts_, checkpoint_.zeros_for_absent_negative, requests).front());
    sampler_ = checkpoint_.scheduler.MakeSampler(checkpoint_.scheduler.default_type(), steps, {});
    latents_ = noise_.Draw({checkpoint_.unet.config().in_channels, latents_side, latents_side}) *
               sampler_->initial_sigma();
  }

  const at::Tensor& latents() const { return latents_; }

  // Of this step, from anybody's latents of it.
  at::Tensor Predict(const at::Tensor& latents) {
    const at::Tensor input = sampler_->ScaleModelInput(latents);
    const Condition& positive = conditions_.positive;
    const Condition& negative = *conditions_.negative;
    const std::vector<at::Tensor> predicted =
        runner_
            .Predict({.latents = at::stack({input, input}),
                      .timesteps = at::full({2}, sampler_->timestep(), input.options()),
                      .contexts = {positive.prompt.tokens, negative.prompt.tokens},
                      .pooled = at::stack({positive.prompt.pooled, negative.prompt.pooled}),
                      .time_ids = at::stack({positive.time_ids, negative.time_ids})})
            .unbind();
    return Guide(predicted[0], predicted[1], kGuidance, /*rescale=*/0);
  }

  void Step() { latents_ = sampler_->Step(Predict(latents_), latents_, noise_); }

 private:
  SdxlCheckpoint checkpoint_;
  PromptCache prompts_;
  UNetRunner runner_;
  RequestNoise noise_;
  Conditions conditions_;
  std::unique_ptr<Sampler> sampler_;
  at::Tensor latents_;
};

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual - expected).norm() / expected.norm()).item<double>();
}

void Run(const std::string& folder, const std::string& device_name, int side, int steps) {
  const at::Device device =
      device_name == "cpu" ? at::Device(at::kCPU) : ValueOrThrow(OpenGpu(0, /*same_bits=*/false));
  const c10::InferenceMode inference;
  const c10::DeviceGuard current(device);
  Traveller half(folder, device, Dtype::kFloat16, side, steps);
  Traveller eighth(folder, device, Dtype::kFloat8, side, steps);
  for (int step = 0; step < steps; ++step) {
    const at::Tensor start = half.latents();
    const double prediction = RelativeError(eighth.Predict(start), half.Predict(start));
    half.Step();
    eighth.Step();
    const double latents = RelativeError(eighth.latents(), half.latents());
    std::cout << nlohmann::json{{"prediction", prediction}, {"latents", latents}} << std::endl;
  }
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::fputs("usage: latents_error CHECKPOINT cpu|cuda SIDE STEPS\n", stderr);
    return 2;
  }
  darkroom::Run(argv[1], argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 3;
}
