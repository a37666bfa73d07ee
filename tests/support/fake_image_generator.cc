#include "tests/support/fake_image_generator.h"

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

struct FakeRow final : ImageInProgress {
  int truncated_tokens() const override { return 0; }
  bool decoded_twice() const override { return request.prompt == "overflow"; }

  ImageRequest request;
  int steps_made = 0;
};

const FakeRow& AsFake(const ImageInProgress& row) { return static_cast<const FakeRow&>(row); }
FakeRow& AsFake(ImageInProgress* row) { return *static_cast<FakeRow*>(row); }

std::string Spell(const ImageRequest& request, int steps) {
  return absl::StrCat(request.seed, " ", steps, " ", request.prompt);
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> FakeImageGenerator::Start(
    std::span<const ImageRequest* const> requests) {
  std::vector<std::unique_ptr<ImageInProgress>> rows;
  absl::MutexLock lock(&mu_);
  for (const ImageRequest* request : requests) {
    if (request->prompt == "fail" || failing_seeds_.contains(request->seed)) {
      return absl::InternalError("told to fail");
    }
    auto row = std::make_unique<FakeRow>();
    row->request = *request;
    rows.push_back(std::move(row));
  }
  started_ += static_cast<int64_t>(rows.size());
  return rows;
}

absl::Status FakeImageGenerator::Step(std::span<ImageInProgress* const> rows) {
  {
    absl::MutexLock lock(&mu_);
    step_waits_ = is_held_;
    mu_.Await(absl::Condition(
        +[](bool* held) { return !*held; }, &is_held_));
    step_waits_ = false;
  }
  for (ImageInProgress* row : rows) {
    if (AsFake(row).request.prompt == "lose the device") {
      return absl::UnavailableError("the device has failed");
    }
  }
  for (ImageInProgress* row : rows) ++AsFake(row).steps_made;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RgbImage>> FakeImageGenerator::Finish(
    std::span<ImageInProgress* const> rows) {
  std::vector<RgbImage> images;
  for (ImageInProgress* row : rows) {
    if (AsFake(row).request.prompt == "nan") return absl::DataLossError("not a number");
    const std::string text = Spell(AsFake(row).request, AsFake(row).steps_made);
    images.push_back({.size = {1, 1}, .pixels = {text.begin(), text.end()}});
  }
  return images;
}

absl::StatusOr<RgbImage> FakeImageGenerator::Preview(const ImageInProgress& row) {
  const FakeRow& fake = AsFake(row);
  if (fake.request.prompt == "nan") return absl::DataLossError("not a number");
  const std::string text = PreviewSpelling(fake.request, fake.steps_made);
  RgbImage preview{.size = {1, static_cast<int>(text.size())}};
  for (const char c : text) preview.pixels.insert(preview.pixels.end(), 3, c);
  return preview;
}

void FakeImageGenerator::Hold() {
  absl::MutexLock lock(&mu_);
  is_held_ = true;
}

void FakeImageGenerator::Release() {
  absl::MutexLock lock(&mu_);
  is_held_ = false;
}

void FakeImageGenerator::AwaitHeldStep() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&step_waits_));
}

void FakeImageGenerator::FailSeed(uint64_t seed) {
  absl::MutexLock lock(&mu_);
  failing_seeds_.insert(seed);
}

int64_t FakeImageGenerator::started() const {
  absl::MutexLock lock(&mu_);
  return started_;
}

std::string FakeImageGenerator::Spelling(const ImageRequest& request) {
  return Spell(request, request.steps);
}

std::string FakeImageGenerator::PreviewSpelling(const ImageRequest& request, int steps_made) {
  return absl::StrCat(request.seed, " ", steps_made);
}

}  // namespace darkroom
