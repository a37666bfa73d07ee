// What a generator's calls take, by image size and rows: medians, as JSON for `simulate --times`.
// Sizes are the model's, three quarters of it and half of it; all rows are guided.
//
// Usage: call_times CHECKPOINT [ROWS [ROUNDS]]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/measure.h"
#include "model/image_generator.h"

namespace darkroom {
namespace {

constexpr int kSteps = 5;
constexpr double kGuidance = 5;

// Seconds of every call, by kind.
struct Seconds {
  std::vector<double> start, step, finish;
};

template <typename Call>
void Time(std::vector<double>& seconds, const Call& call) {
  const absl::Time begin = absl::Now();
  if (!call()) std::abort();
  seconds.push_back(absl::ToDoubleSeconds(absl::Now() - begin));
}

void MakeBatch(ImageGenerator& generator, const std::vector<ImageRequest>& requests, Seconds& s) {
  std::vector<const ImageRequest*> pointers;
  for (const ImageRequest& request : requests) pointers.push_back(&request);
  std::vector<std::unique_ptr<ImageInProgress>> started;
  Time(s.start, [&] {
    started = generator.Start(pointers).value();
    return true;
  });
  std::vector<ImageInProgress*> rows;
  for (const auto& row : started) rows.push_back(row.get());
  for (int i = generator.StepCount(requests.front()); i > 0; --i) {
    Time(s.step, [&] { return generator.Step(rows).ok(); });
  }
  Time(s.finish, [&] { return generator.Finish(rows).ok(); });
}

nlohmann::json Measure(ImageGenerator& generator, int most_rows, int rounds) {
  int prompts = 0;  // A prompt is encoded once only, so that each has to be another.
  nlohmann::json calls = nlohmann::json::array();
  const ModelInfo& model = generator.info();
  for (const int quarters : {4, 3, 2}) {
    const auto side = [&](int full) {
      return std::max(full * quarters / 4 / model.size_multiple, 1) * model.size_multiple;
    };
    const int height = side(model.default_size.height), width = side(model.default_size.width);
    std::vector<Seconds> by_rows(static_cast<size_t>(most_rows));
    for (int round = 0; round < rounds; ++round) {  // Interleaved, for the machine is shared.
      for (size_t rows = 1; rows <= by_rows.size(); ++rows) {
        std::vector<ImageRequest> requests;
        for (size_t row = 0; row < rows; ++row) {
          ++prompts;
          requests.push_back(MakeRequest("a red apple, number " + std::to_string(prompts),
                                         {height, width}, kSteps, kGuidance, prompts));
        }
        MakeBatch(generator, requests, by_rows[rows - 1]);
      }
    }
    for (int rows = 1; rows <= most_rows; ++rows) {
      const Seconds& seconds = by_rows[static_cast<size_t>(rows - 1)];
      const auto add = [&](const char* call, int size, const std::vector<double>& times) {
        calls.push_back({{"call", call},
                         {"height", height / model.latent_factor},
                         {"width", width / model.latent_factor},
                         {"size", size},
                         {"seconds", Median(times)}});
      };
      add("start", rows, seconds.start);
      add("step", 2 * rows, seconds.step);
      add("finish", rows, seconds.finish);
    }
  }
  return calls;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: call_times CHECKPOINT [ROWS [ROUNDS]]\n", stderr);
    return 2;
  }
  const auto generator = darkroom::LoadOrExit(argv[1]);
  const int rows = darkroom::CountArgument(argc, argv, 2, 8);
  const int rounds = darkroom::CountArgument(argc, argv, 3, 9);
  std::printf("%s\n", darkroom::Measure(*generator, rows, rounds).dump(1).c_str());
  return 0;
}
