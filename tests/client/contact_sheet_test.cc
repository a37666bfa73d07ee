#include "client/cli/contact_sheet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using Rows = std::vector<std::vector<RgbImage>>;
using ::testing::Each;

RgbImage DrawImage(SeededRandom& random, size_t width, size_t height) {
  const std::string bytes = random.Bytes(width * height * 3);
  return {width, height, {bytes.begin(), bytes.end()}};
}

v1::Image Wire(v1::ImageFormat format, const std::string& data, size_t width, size_t height) {
  v1::Image image;
  image.set_format(format);
  image.set_data(data);
  image.set_width(width);
  image.set_height(height);
  return image;
}

v1::Image WirePng(const RgbImage& image) {
  return Wire(v1::IMAGE_FORMAT_PNG, *EncodePng(image), image.width, image.height);
}

// Takes the image out of the sheet: returns its pixels there and paints them white.
std::vector<uint8_t> CutOut(RgbImage& sheet, size_t left, size_t top, size_t width, size_t height) {
  std::vector<uint8_t> pixels;
  for (size_t y = top; y < top + height; ++y) {
    const auto row = sheet.pixels.begin() + (y * sheet.width + left) * 3;
    pixels.insert(pixels.end(), row, row + width * 3);
    std::fill_n(row, width * 3, 255);
  }
  return pixels;
}

TEST(DecodeImageTest, PngsAndRawPixelsComeBackAsTheyWere) {
  SeededRandom random;
  for (int i = 0; i < 20; ++i) {
    const RgbImage image = DrawImage(random, random.Between(1, 40), random.Between(1, 40));
    const auto from_png = DecodeImage(WirePng(image));
    ASSERT_TRUE(from_png.ok()) << from_png.status();
    EXPECT_EQ(from_png->width, image.width);
    EXPECT_EQ(from_png->height, image.height);
    EXPECT_EQ(from_png->pixels, image.pixels);

    const std::string bytes(image.pixels.begin(), image.pixels.end());
    const auto from_raw =
        DecodeImage(Wire(v1::IMAGE_FORMAT_RAW_RGB, bytes, image.width, image.height));
    ASSERT_TRUE(from_raw.ok()) << from_raw.status();
    EXPECT_EQ(from_raw->pixels, image.pixels);
  }
}

TEST(DecodeImageTest, TransparencyShowsWhite) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = png.height = 1;
  png.format = PNG_FORMAT_RGBA;
  const uint8_t transparent[] = {10, 20, 30, 0};
  std::string data(PNG_IMAGE_PNG_SIZE_MAX(png), '\0');
  png_alloc_size_t size = data.size();
  ASSERT_TRUE(png_image_write_to_memory(&png, data.data(), &size, 0, transparent, 0, nullptr));
  const auto image = DecodeImage(Wire(v1::IMAGE_FORMAT_PNG, data.substr(0, size), 1, 1));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(image->pixels, Each(255));
}

TEST(DecodeImageTest, BrokenPngsAreErrors) {
  SeededRandom random;
  const std::string good = WirePng(DrawImage(random, 32, 32)).data();
  for (int i = 0; i < 200; ++i) {
    const std::string cut = good.substr(0, random.Between(0, good.size() / 2));
    EXPECT_FALSE(DecodeImage(Wire(v1::IMAGE_FORMAT_PNG, cut, 32, 32)).ok());
    std::string damaged = good;
    damaged[random.Between(0, good.size() - 1)] ^= 1 << random.Between(0, 7);
    DecodeImage(Wire(v1::IMAGE_FORMAT_PNG, damaged, 32, 32)).IgnoreError();  // Must not crash.
  }
}

TEST(DecodeImageTest, ClaimedSizesAreChecked) {
  const std::string three(3, 'x');
  EXPECT_FALSE(DecodeImage(Wire(v1::IMAGE_FORMAT_RAW_RGB, three, 1, 2)).ok());
  EXPECT_FALSE(DecodeImage(Wire(v1::IMAGE_FORMAT_RAW_RGB, three, UINT32_MAX, UINT32_MAX)).ok());
  std::string huge = WirePng({1, 1, {0, 0, 0}}).data();
  huge.replace(16, 8, std::string("\x00\x10\x00\x00\x00\x10\x00\x00", 8));  // IHDR: 2^20 x 2^20.
  EXPECT_FALSE(DecodeImage(Wire(v1::IMAGE_FORMAT_PNG, huge, 1, 1)).ok());
  EXPECT_EQ(DecodeImage(Wire(v1::IMAGE_FORMAT_JPEG, three, 1, 1)).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ArrangeSheetTest, EveryPromptIsARowWithEveryImageInItsPlace) {
  SeededRandom random;
  for (int round = 0; round < 20; ++round) {
    const size_t width = random.Between(1, 12);
    const size_t height = random.Between(1, 12);
    const size_t columns = random.Between(2, 5);
    Rows prompts(random.Between(1, 5));
    for (auto& images : prompts) {
      const size_t count = &images == &prompts[0] ? columns : random.Between(1, columns);
      for (size_t i = 0; i < count; ++i) images.push_back(DrawImage(random, width, height));
    }
    auto sheet = ArrangeSheet(prompts);
    ASSERT_TRUE(sheet.ok()) << sheet.status();
    EXPECT_EQ(sheet->width, kSheetGap + columns * (width + kSheetGap));
    EXPECT_EQ(sheet->height, kSheetGap + prompts.size() * (height + kSheetGap));
    ASSERT_EQ(sheet->pixels.size(), sheet->width * sheet->height * 3);
    for (size_t row = 0; row < prompts.size(); ++row) {
      for (size_t column = 0; column < prompts[row].size(); ++column) {
        EXPECT_EQ(CutOut(*sheet, kSheetGap + column * (width + kSheetGap),
                         kSheetGap + row * (height + kSheetGap), width, height),
                  prompts[row][column].pixels);
      }
    }
    EXPECT_THAT(sheet->pixels, Each(255)) << "outside the images";
  }
}

TEST(ArrangeSheetTest, SingleImagesMakeANearSquare) {
  struct Case {
    size_t images, columns, rows;
  };
  const RgbImage dot{1, 1, {1, 2, 3}};
  for (const Case& shape : {Case{1, 1, 1}, Case{2, 2, 1}, Case{3, 2, 2}, Case{4, 2, 2},
                            Case{5, 3, 2}, Case{8, 3, 3}, Case{9, 3, 3}, Case{10, 4, 3}}) {
    Rows prompts(shape.images, {dot});
    prompts.insert(prompts.begin() + 1, std::vector<RgbImage>{});  // A prompt that failed.
    const auto sheet = ArrangeSheet(prompts);
    ASSERT_TRUE(sheet.ok()) << sheet.status();
    EXPECT_EQ(sheet->width, kSheetGap + shape.columns * (1 + kSheetGap)) << shape.images;
    EXPECT_EQ(sheet->height, kSheetGap + shape.rows * (1 + kSheetGap)) << shape.images;
  }
}

TEST(ArrangeSheetTest, CellsFitTheLargestImage) {
  SeededRandom random;
  const Rows prompts = {{DrawImage(random, 3, 9)}, {DrawImage(random, 8, 2)}};
  auto sheet = ArrangeSheet(prompts);
  ASSERT_TRUE(sheet.ok()) << sheet.status();
  EXPECT_EQ(sheet->width, kSheetGap + 2 * (8 + kSheetGap));
  EXPECT_EQ(sheet->height, kSheetGap + 9 + kSheetGap);
  EXPECT_EQ(CutOut(*sheet, kSheetGap, kSheetGap, 3, 9), prompts[0][0].pixels);
  EXPECT_EQ(CutOut(*sheet, kSheetGap + 8 + kSheetGap, kSheetGap, 8, 2), prompts[1][0].pixels);
  EXPECT_THAT(sheet->pixels, Each(255));
}

TEST(ArrangeSheetTest, NothingAndTooMuchAreErrors) {
  EXPECT_FALSE(ArrangeSheet({}).ok());
  EXPECT_FALSE(ArrangeSheet({{}, {}}).ok());
  // Cells of 10,000 x 10,000 from two images with few pixels.
  const RgbImage wide{10000, 1, std::vector<uint8_t>(30000)};
  const RgbImage high{1, 10000, std::vector<uint8_t>(30000)};
  EXPECT_EQ(ArrangeSheet({{wide}, {high}, {wide}}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace darkroom
