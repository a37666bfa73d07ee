// What sharing a pass is worth: images a second of n rows together and of the same n in turn, the
// two interleaved in one run, so that a busy machine slows both. Prints a line for each n.
//
// Usage: batch_gain CHECKPOINT [ROUNDS]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/measure.h"
#include "model/image_generator.h"

namespace darkroom {
namespace {

constexpr char kPrompt[] = "a red apple on a blue background";
constexpr int kSteps = 20;
constexpr double kGuidance = 5;

// Seconds to make the images in one batch.
double Time(ImageGenerator& generator, const std::vector<ImageRequest>& requests) {
  const absl::Time begin = absl::Now();
  std::vector<const ImageRequest*> pointers;
  for (const ImageRequest& request : requests) pointers.push_back(&request);
  const auto started = generator.Start(pointers).value();
  std::vector<ImageInProgress*> rows;
  for (const auto& row : started) rows.push_back(row.get());
  for (int step = 0; step < kSteps; ++step) {
    if (!generator.Step(rows).ok()) std::abort();
  }
  if (!generator.Finish(rows).ok()) std::abort();
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

void Compare(ImageGenerator& generator, int rows, int rounds) {
  std::vector<ImageRequest> requests;
  for (int i = 0; i < rows; ++i) {
    requests.push_back(MakeRequest(kPrompt, generator.info().default_size, kSteps, kGuidance, i));
  }
  std::vector<double> together, in_turn;
  for (int round = 0; round < rounds; ++round) {
    together.push_back(Time(generator, requests));
    double sum = 0;
    for (const ImageRequest& request : requests) sum += Time(generator, {request});
    in_turn.push_back(sum);
  }
  std::printf("%2d rows: %6.2f images/s together, %6.2f in turn, ratio %.2f\n", rows,
              rows / Median(together), rows / Median(in_turn), Median(in_turn) / Median(together));
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: batch_gain CHECKPOINT [ROUNDS]\n", stderr);
    return 2;
  }
  const auto generator = darkroom::LoadOrExit(argv[1]);
  const int rounds = darkroom::CountArgument(argc, argv, 2, 5);
  for (const int rows : {1, 2, 4, 8}) darkroom::Compare(*generator, rows, rounds);
  return 0;
}
