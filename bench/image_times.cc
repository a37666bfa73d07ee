// Makes batches of images on command and tells how long each part took, so that another program can
// take turns with it. Reads lines of "IMAGES SIDE STEPS" (SIDE 0: the model's own), answers each
// with a line of JSON, and ends with its input. What `peak` counts is bytes over the weights.
//
// Usage: image_times CHECKPOINT cpu|cuda DTYPE VAE_DTYPE PADDED_ROWS

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/measure.h"
#include "model/sdxl_pipeline.h"
#include "nlohmann/json.hpp"

namespace darkroom {
namespace {

constexpr double kGuidance = 8;

struct Command {
  int images = 1;
  int side = 0;
  int steps = 1;
};

double SecondsSince(absl::Time begin) { return absl::ToDoubleSeconds(absl::Now() - begin); }

// The batch's way from prompts to pixels.
nlohmann::json Make(ImageGenerator& generator, const std::vector<ImageRequest>& requests) {
  std::vector<const ImageRequest*> pointers;
  for (const ImageRequest& request : requests) pointers.push_back(&request);
  const absl::Time begin = absl::Now();
  const auto started = generator.Start(pointers).value();
  const double start = SecondsSince(begin);
  std::vector<ImageInProgress*> rows;
  for (const auto& row : started) rows.push_back(row.get());
  std::vector<double> steps;
  for (int step = 0; step < generator.StepCount(requests.front()); ++step) {
    const absl::Time step_begin = absl::Now();
    if (const absl::Status s = generator.Step(rows); !s.ok())
      throw std::runtime_error(s.ToString());
    steps.push_back(SecondsSince(step_begin));
  }
  const absl::Time finish_begin = absl::Now();
  const std::vector<RgbImage> images = generator.Finish(rows).value();
  return {{"seconds", SecondsSince(begin)},
          {"start", start},
          {"steps", steps},
          {"finish", SecondsSince(finish_begin)},
          {"images", images.size()}};
}

// `prompts`: how many were asked for so far. A prompt is encoded once only, so each is another.
nlohmann::json Answer(ImageGenerator& generator, const Command& command, int& prompts) {
  const ImageSize size =
      command.side > 0 ? ImageSize{command.side, command.side} : generator.info().default_size;
  std::vector<ImageRequest> requests;
  for (int i = 0; i < command.images; ++i) {
    ++prompts;
    requests.push_back(
        MakeRequest("picture " + std::to_string(prompts), size, command.steps, kGuidance, prompts));
  }
  nlohmann::json answer;
  const int64_t peak = generator.PeakBytesOf([&] { answer = Make(generator, requests); });
  answer["peak"] = peak;
  return answer;
}

// `vae_dtype` goes before what the checkpoint asks for, so that contenders compute in the same.
int Run(const std::string& checkpoint, const std::string& device, const std::string& dtype,
        const std::string& vae_dtype, int padded_rows) {
  const std::map<std::string, Dtype> dtypes = {{"float32", Dtype::kFloat32},
                                               {"float16", Dtype::kFloat16},
                                               {"bfloat16", Dtype::kBfloat16},
                                               {"float8", Dtype::kFloat8}};
  SdxlOptions options{
      .dtype = dtypes.at(dtype), .vae_dtype = dtypes.at(vae_dtype), .padded_rows = padded_rows};
  if (device != "cpu") options.gpu = 0;
  const absl::Time begin = absl::Now();
  const auto generator = LoadOrExit(checkpoint.c_str(), options);
  const ModelInfo& model = generator->info();
  std::cout << nlohmann::json{{"load", SecondsSince(begin)},
                              {"device", model.device},
                              {"dtype", model.dtype},
                              {"vae_dtype", model.vae_dtype}}
            << std::endl;
  Command command;
  int prompts = 0;
  while (std::cin >> command.images >> command.side >> command.steps) {
    std::cout << Answer(*generator, command, prompts) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) try {
  if (argc != 6) {
    std::fputs("usage: image_times CHECKPOINT cpu|cuda DTYPE VAE_DTYPE PADDED_ROWS\n", stderr);
    return 2;
  }
  return darkroom::Run(argv[1], argv[2], argv[3], argv[4], std::stoi(argv[5]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 3;
}
