// With padded passes an image has the same bits alone and in company, whoever joins and leaves it
// and wherever it stands in the pass. What is drawn is drawn anew in each run.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/sdxl_pipeline.h"
#include "model/unet/unet.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

constexpr char kModel[] = "models/emoji";
constexpr int kPaddedRows = 4;
constexpr int kRequests = 7;

template <typename T>
const T& OneOf(SeededRandom& random, const std::vector<T>& choices) {
  return choices[random.Between(0, choices.size() - 1)];
}

template <typename T>
void Shuffle(SeededRandom& random, std::vector<T>& things) {
  std::shuffle(things.begin(), things.end(), std::mt19937_64(random.Bits()));
}

std::string DrawPrompt(SeededRandom& random) {
  return OneOf<std::string>(random, {"", "a red apple on a blue background", "a penguin",
                                     "a rocket", "a cup of coffee, on a table", "blurry"});
}

std::shared_ptr<const RgbImage> DrawImage(SeededRandom& random, ImageSize size) {
  const std::string bytes = random.Bytes(static_cast<size_t>(size.height * size.width * 3));
  return std::make_shared<RgbImage>(RgbImage{size, {bytes.begin(), bytes.end()}});
}

ImageRequest DrawRequest(SeededRandom& random, ImageSize size) {
  ImageRequest request{.prompt = DrawPrompt(random),
                       .prompt_2 = DrawPrompt(random),
                       .size = size,
                       .steps = static_cast<int>(random.Between(2, 6)),
                       .guidance_scale = OneOf<double>(random, {1, 1.5, 5, 9.5}),
                       .guidance_rescale = OneOf<double>(random, {0, 0.3, 1}),
                       .seed = random.Bits()};
  request.scheduler = static_cast<SchedulerType>(random.Between(0, 8));
  request.generator_device =
      OneOf(random, std::vector{GeneratorDevice::kCpu, GeneratorDevice::kCuda});
  if (random.Between(0, 1) == 0) request.negative_prompt = DrawPrompt(random);
  if (random.Between(0, 2) == 0) {
    request.init_image = DrawImage(random, size);
    request.strength = OneOf<double>(random, {0.6, 1});
  }
  request.conditioning = {.original_size = size, .target_size = size};
  request.negative_conditioning = {.original_size = {512, 1024}, .target_size = size};
  return request;
}

std::vector<ImageRequest> DrawRequests(SeededRandom& random, ImageSize size, int count) {
  std::vector<ImageRequest> requests;
  for (int i = 0; i < count; ++i) requests.push_back(DrawRequest(random, size));
  return requests;
}

// The requests' place among all, and their images; not of those that left before their end.
using Images = std::map<size_t, RgbImage>;

// Makes images in one pass after the other.
class Studio {
 public:
  Studio(ImageGenerator& generator, const std::vector<ImageRequest>& requests)
      : generator_(generator), requests_(requests) {}

  // Begins the requests at [next, next + count).
  void Join(size_t count) {
    std::vector<const ImageRequest*> joining;
    for (size_t i = 0; i < count; ++i) joining.push_back(&requests_[next_ + i]);
    auto started = generator_.Start(joining).value();
    for (auto& image : started) {
      const int steps = generator_.StepCount(requests_[next_]);
      rows_.push_back({next_++, steps, std::move(image)});
    }
  }

  // One pass in a drawn order, and the end of those that are done.
  void Step(SeededRandom& random) {
    Shuffle(random, rows_);
    ASSERT_OK(generator_.Step(Pointers(rows_)));
    for (Row& row : rows_) --row.left;
    const auto done = std::stable_partition(rows_.begin(), rows_.end(),
                                            [](const Row& row) { return row.left > 0; });
    std::vector<Row> ended(std::make_move_iterator(done), std::make_move_iterator(rows_.end()));
    rows_.erase(done, rows_.end());
    if (ended.empty()) return;
    std::vector<RgbImage> images = generator_.Finish(Pointers(ended)).value();
    for (size_t i = 0; i < ended.size(); ++i) images_[ended[i].request] = std::move(images[i]);
  }

  // A row goes before its end, as one does that was cancelled.
  void Leave() {
    if (!rows_.empty()) rows_.pop_back();
  }

  size_t present() const { return rows_.size(); }
  size_t waiting() const { return requests_.size() - next_; }
  const Images& images() const { return images_; }

 private:
  struct Row {
    size_t request;
    int left;
    std::unique_ptr<ImageInProgress> image;
  };

  static std::vector<ImageInProgress*> Pointers(const std::vector<Row>& rows) {
    std::vector<ImageInProgress*> pointers;
    for (const Row& row : rows) pointers.push_back(row.image.get());
    return pointers;
  }

  ImageGenerator& generator_;
  const std::vector<ImageRequest>& requests_;
  size_t next_ = 0;
  std::vector<Row> rows_;
  Images images_;
};

Images MakeEachAlone(ImageGenerator& generator, const std::vector<ImageRequest>& requests,
                     SeededRandom& random) {
  Studio studio(generator, requests);
  while (studio.waiting() > 0) {
    studio.Join(1);
    while (studio.present() > 0) studio.Step(random);
  }
  return studio.images();
}

// Rows join and leave at drawn boundaries between steps.
Images MakeInCompany(ImageGenerator& generator, const std::vector<ImageRequest>& requests,
                     SeededRandom& random) {
  Studio studio(generator, requests);
  while (studio.waiting() + studio.present() > 0) {
    const size_t room = kPaddedRows - studio.present();
    const size_t at_least = studio.present() == 0 ? 1 : 0;
    studio.Join(std::min(studio.waiting(), random.Between(at_least, room)));
    studio.Step(random);
    if (random.Between(0, 7) == 0) studio.Leave();
  }
  return studio.images();
}

size_t CountDifferent(const RgbImage& a, const RgbImage& b) {
  size_t different = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) different += a.pixels[i] != b.pixels.at(i);
  return different;
}

std::unique_ptr<ImageGenerator> LoadModel(int threads, int padded_rows) {
  return LoadSdxlPipeline(kModel, {.threads = threads, .padded_rows = padded_rows}).value();
}

class BitsTest : public testing::TestWithParam<int> {  // The threads.
 protected:
  SeededRandom random_;
};

TEST_P(BitsTest, ImagesInCompanyAreThoseAloneBitForBit) {
  const auto generator = LoadModel(GetParam(), kPaddedRows);
  for (const ImageSize size : {ImageSize{64, 64}, ImageSize{24, 40}}) {
    std::vector<ImageRequest> requests = DrawRequests(random_, size, kRequests);
    const Images alone = MakeEachAlone(*generator, requests, random_);
    for (const auto& [request, image] : MakeInCompany(*generator, requests, random_)) {
      EXPECT_EQ(CountDifferent(image, alone.at(request)), 0U)
          << "request " << request << " of " << size.height << " x " << size.width;
    }
  }
}

// So the test above could fail. By chance a group may be equal; so many are not.
TEST_P(BitsTest, WithoutPaddingSomeImageInCompanyDiffers) {
  const auto generator = LoadModel(GetParam(), 0);
  size_t different = 0;
  for (int group = 0; group < 10 && different == 0; ++group) {
    const std::vector<ImageRequest> requests = DrawRequests(random_, {64, 64}, kRequests);
    const Images alone = MakeEachAlone(*generator, requests, random_);
    for (const auto& [request, image] : MakeInCompany(*generator, requests, random_)) {
      different += CountDifferent(image, alone.at(request));
    }
  }
  EXPECT_GT(different, 0U);
}

TEST_P(BitsTest, UNetGivesASampleTheSameFloatsAtEveryPlace) {
  at::set_num_threads(GetParam());
  at::manual_seed(random_.Bits());
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const auto unet = UNet::Load(std::string(kModel) + "/unet", dtype);
    ASSERT_OK(unet);
    for (const int64_t height : {16, 6}) {
      const int64_t count = 2 * kPaddedRows;
      const at::Tensor context = at::randn({count, 77, 96});
      const auto prompts = unet->Prepare(context);
      const UNet::Input input{.latents = at::randn({count, 4, height, 16}),
                              .timesteps = at::rand({count}) * 999,
                              .prompts = prompts,
                              .pooled = at::randn({count, 64}),
                              .time_ids = at::rand({count, 6}) * 1024};
      const at::Tensor expected = unet->Forward(input);
      std::vector<int64_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
      Shuffle(random_, order);
      const at::Tensor places = at::tensor(order);
      const auto moved = [&](const at::Tensor& t) { return t.index_select(0, places); };
      const auto moved_prompts = unet->Prepare(moved(context));
      const at::Tensor actual = unet->Forward({.latents = moved(input.latents),
                                               .timesteps = moved(input.timesteps),
                                               .prompts = moved_prompts,
                                               .pooled = moved(input.pooled),
                                               .time_ids = moved(input.time_ids)});
      EXPECT_EQ(actual.ne(moved(expected)).sum().item<int64_t>(), 0)
          << at::toString(dtype) << ", height " << height;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, BitsTest, testing::Values(1, 2, 3));

TEST(PaddedPassTest, RefusesMoreRowsAndLeavesThemAsTheyWere) {
  SeededRandom random;
  const auto generator = LoadModel(2, kPaddedRows);
  ImageRequest request = DrawRequest(random, {24, 40});
  request.steps = 2;
  request.init_image = nullptr;
  const Images expected = MakeEachAlone(*generator, {request}, random);
  const std::vector<const ImageRequest*> requests(kPaddedRows + 1, &request);
  const auto started = generator->Start(requests).value();
  std::vector<ImageInProgress*> rows;
  for (const auto& row : started) rows.push_back(row.get());
  EXPECT_EQ(generator->Step(rows).code(), absl::StatusCode::kInvalidArgument);
  rows.pop_back();
  for (int step = 0; step < generator->StepCount(request); ++step) EXPECT_OK(generator->Step(rows));
  const std::vector<RgbImage> images = generator->Finish(rows).value();
  for (const RgbImage& image : images) {
    EXPECT_EQ(CountDifferent(image, expected.at(0)), 0U);
  }
}

TEST(PaddedPassTest, NoRowsAreNoPass) { EXPECT_OK(LoadModel(2, kPaddedRows)->Step({})); }

}  // namespace
}  // namespace darkroom
