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

FakeRow& AsFake(ImageInProgress* row) { return *static_cast<FakeRow*>(row); }

std::string Spell(const ImageRequest& request, int steps) {
  return absl::StrCat(request.seed, " ", steps, " ", request.prompt);
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<ImageInProgress>>> FakeImageGenerator::Start(
    std::span<const ImageRequest* const> requests) {
  std::vector<std::unique_ptr<ImageInProgress>> rows;
  for (const ImageRequest* request : requests) {
    if (request->prompt == "fail") return absl::InternalError("told to fail");
    auto row = std::make_unique<FakeRow>();
    row->request = *request;
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::Status FakeImageGenerator::Step(std::span<ImageInProgress* const> rows) {
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

std::string FakeImageGenerator::Spelling(const ImageRequest& request) {
  return Spell(request, request.steps);
}

}  // namespace darkroom
