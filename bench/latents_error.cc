// How far float8 takes an image's latents from float16's. Both go through the same guided steps,
// each from its own latents. Prints for every step a line of JSON with |float8 - float16| /
// |float16| of `prediction`, from float16's latents, and of `latents` after it.
//
// Usage: latents_error CHECKPOINT cpu|cuda SIDE STEPS

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
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

// An image on its way through the UNet of one dtype.
class Traveller {
 public:
  Traveller(const std::string& folder, at::Device device, Dtype dtype, int side, int steps)
      : checkpoint_(SdxlCheckpoint::Load(folder, device, dtype, Dtype::kFloat16).value()),
        prompts_(checkpoint_.prompts, /*one_by_one=*/false),
        runner_(checkpoint_.unet),
        noise_(kSeed, GeneratorDevice::kCpu, at::TensorOptions(device).dtype(at::kFloat)) {
    const auto factor = static_cast<int>(checkpoint_.vae.config().factor());
    const ImageRequest request = MakeRequest("a picture", {side, side}, steps, kGuidance, kSeed);
    const std::vector<const ImageRequest*> requests = {&request};
    conditions_ = std::move(
        MakeConditions(prompts_, checkpoint_.zeros_for_absent_negative, requests).front());
    sampler_ = checkpoint_.scheduler.MakeSampler(checkpoint_.scheduler.default_type(), steps, {});
    latents_ = noise_.Draw({checkpoint_.unet.config().in_channels, side / factor, side / factor}) *
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

  // `prediction` is that of its own latents.
  void Step(const at::Tensor& prediction) {
    latents_ = sampler_->Step(prediction, latents_, noise_);
  }

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
      device_name == "cpu" ? at::Device(at::kCPU) : OpenGpu(0, /*same_bits=*/false).value();
  const c10::InferenceMode inference;
  const c10::DeviceGuard current(device);
  Traveller half(folder, device, Dtype::kFloat16, side, steps);
  Traveller eighth(folder, device, Dtype::kFloat8, side, steps);
  for (int step = 0; step < steps; ++step) {
    const at::Tensor expected = half.Predict(half.latents());
    const double prediction = RelativeError(eighth.Predict(half.latents()), expected);
    half.Step(expected);
    eighth.Step(eighth.Predict(eighth.latents()));
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
