#include "server/codec/png_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::Pair;

RgbImage DrawImage(SeededRandom& random, ImageSize size) {
  const std::string bytes = random.Bytes(static_cast<size_t>(size.width * size.height) * 3);
  return {.size = size, .pixels = {bytes.begin(), bytes.end()}};
}

// Through libpng's simplified interface, which shares nothing with the one that writes.
RgbImage Decode(const std::string& file) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, file.data(), file.size())) << image.message;
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_RGB));
  RgbImage decoded{.size = {static_cast<int>(image.height), static_cast<int>(image.width)}};
  decoded.pixels.resize(PNG_IMAGE_SIZE(image));
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, decoded.pixels.data(), 0, nullptr))
      << image.message;
  return decoded;
}

// The texts before the pixels, as libpng reads them.
std::map<std::string, std::string> ReadTexts(const std::string& file) {
  std::string_view rest = file;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &rest, [](png_structp reader, png_bytep data, size_t size) {
    auto& left = *static_cast<std::string_view*>(png_get_io_ptr(reader));
    if (left.size() < size) png_error(reader, "the file ends early");
    std::memcpy(data, left.data(), size);
    left.remove_prefix(size);
  });
  std::map<std::string, std::string> texts;
  png_read_info(png, info);  // Ends the process on an error, for no jump is set.
  png_textp chunks = nullptr;
  const int count = png_get_text(png, info, &chunks, nullptr);
  for (int i = 0; i < count; ++i) {
    const png_text& chunk = chunks[i];
    texts[chunk.key] = {chunk.text, std::max(chunk.text_length, chunk.itxt_length)};
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return texts;
}

std::string Encode(const RgbImage& image, const std::vector<ImageText>& texts = {}) {
  absl::StatusOr<std::string> file = WritePng(image, texts);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *std::move(file) : "";
}

TEST(ImageCodecTest, AnyPictureComesBackAsItWas) {
  SeededRandom random;
  for (int round = 0; round < 50; ++round) {
    const ImageSize size{static_cast<int>(random.Between(1, 70)),
                         static_cast<int>(random.Between(1, 70))};
    const RgbImage image = DrawImage(random, size);
    const RgbImage decoded = Decode(Encode(image));
    EXPECT_EQ(decoded.size.height, size.height);
    EXPECT_EQ(decoded.size.width, size.width);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
}

TEST(ImageCodecTest, TextsDoNotTouchThePixels) {
  SeededRandom random;
  const RgbImage image = DrawImage(random, {8, 16});
  EXPECT_EQ(Decode(Encode(image, {{"parameters", "a \xE2\x82\xAC"}})).pixels, image.pixels);
}

class ImageTextTest : public testing::Test {
 protected:
  std::map<std::string, std::string> RoundTrip(const std::vector<ImageText>& texts) {
    return ReadTexts(Encode({.size = {1, 1}, .pixels = {1, 2, 3}}, texts));
  }
};

TEST_F(ImageTextTest, AsciiAndOtherLettersComeBackUnderTheirKeys) {
  const std::string euro = "zw\xC3\xB6lf \xE2\x82\xAC \xF0\x9F\x8D\x8E\nline 2";
  EXPECT_THAT(RoundTrip({{"parameters", euro}, {"darkroom", "{\"a\": 1}"}}),
              ElementsAre(Pair("darkroom", "{\"a\": 1}"), Pair("parameters", euro)));
}

TEST_F(ImageTextTest, BytesOfValueZeroBecomeReplacementCharacters) {
  const std::string text("\0a\0", 3);
  EXPECT_THAT(RoundTrip({{"parameters", text}}), ElementsAre(Pair("parameters",
                                                                  "\xEF\xBF\xBD"
                                                                  "a\xEF\xBF\xBD")));
}

TEST_F(ImageTextTest, AnEmptyTextAndAnEmptyListAreWritten) {
  EXPECT_THAT(RoundTrip({{"parameters", ""}}), ElementsAre(Pair("parameters", "")));
  EXPECT_TRUE(RoundTrip({}).empty());
}

TEST_F(ImageTextTest, DrawnTextsComeBack) {
  SeededRandom random;
  constexpr const char* kLetters[] = {"a", "\n", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  for (int round = 0; round < 200; ++round) {
    const size_t kinds = random.Between(1, std::size(kLetters));
    std::string text;
    for (size_t left = random.Between(0, 9000); left > 0; --left) {
      text += kLetters[random.Between(0, kinds - 1)];
    }
    ASSERT_THAT(RoundTrip({{"parameters", text}}), ElementsAre(Pair("parameters", text)));
  }
}

TEST(ImageCodecTest, AnImageWithoutPixelsIsAnErrorAndNotACrash) {
  EXPECT_TRUE(absl::IsInternal(WritePng({}, {}).status()));
}

}  // namespace
}  // namespace darkroom
