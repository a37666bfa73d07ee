// What needs no oracle: hostile bytes. tests/server/codec_test.py compares with Pillow.

#include "server/codec/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "server/codec/exif.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

constexpr ImageFileFormat kFormats[] = {ImageFileFormat::kPng, ImageFileFormat::kJpeg,
                                        ImageFileFormat::kWebp};

std::string DrawFile(SeededRandom& random, ImageFileFormat format) {
  const ImageSize size{static_cast<int>(random.Between(1, 40)),
                       static_cast<int>(random.Between(1, 40))};
  const std::string bytes = random.Bytes(static_cast<size_t>(size.width * size.height) * 3);
  const RgbImage image{size, {bytes.begin(), bytes.end()}};
  return WriteImageFile(format, image, static_cast<int>(random.Between(1, 100)),
                        {{"parameters", random.Bytes(20)}, {"darkroom", "{}"}})
      .value();
}

// Makes the checksums of a PNG file's chunks right, lest they hide what else is wrong with it.
void MendChecksums(std::string& file) {
  const auto byte = [&](size_t at) { return size_t{static_cast<uint8_t>(file[at])}; };
  for (size_t at = 8; at + 12 <= file.size();) {
    const size_t length = byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
    if (length > file.size() - at - 12) return;
    const auto* type = reinterpret_cast<const Bytef*>(file.data()) + at + 4;
    const uLong sum = crc32(0, type, static_cast<uInt>(length + 4));
    at += length + 12;
    for (size_t i = 1; i <= 4; ++i) file[at - i] = static_cast<char>(sum >> (8 * (i - 1)));
  }
}

TEST(ImageFileTest, BrokenFilesAreReadOrRefusedAsTheirHeaderSays) {
  SeededRandom random;
  int refused = 0, read = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string file = DrawFile(random, kFormats[round % 3]);
    for (size_t left = random.Between(1, 6); left > 0; --left) {
      file[random.Between(0, file.size() - 1)] = static_cast<char>(random.Bits());
    }
    if (random.Between(0, 3) == 0) file.resize(random.Between(0, file.size()));
    if (round % 6 == 0) MendChecksums(file);  // Of every other PNG file.
    const auto info = InspectImageFile(file);
    const auto image = ReadImageFile(file);
    for (const absl::Status& status : {info.status(), image.status()}) {
      ASSERT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    }
    ASSERT_TRUE(info.ok() || !image.ok());
    ++(image.ok() ? read : refused);
    if (!image.ok()) continue;
    ASSERT_EQ(image->size.height, info->size.height);
    ASSERT_EQ(image->size.width, info->size.width);
    ASSERT_EQ(image->pixels.size(),
              static_cast<size_t>(image->size.height) * static_cast<size_t>(image->size.width) * 3);
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

TEST(ImageFileTest, AnyStartOfAFileIsRefused) {
  SeededRandom random;
  for (const ImageFileFormat format : kFormats) {
    const std::string file = DrawFile(random, format);
    for (size_t size = 0; size < file.size(); ++size) {
      ASSERT_TRUE(absl::IsInvalidArgument(ReadImageFile(file.substr(0, size)).status())) << size;
    }
  }
}

TEST(ExifTest, DrawnBlocksHaveAnOrientationOfOneToEight) {
  SeededRandom random;
  const std::string whole = WriteExif({{"parameters", "p"}, {"darkroom", "{}"}}, 1000);
  for (int round = 0; round < 20'000; ++round) {
    std::string exif = whole;
    for (size_t left = random.Between(1, 8); left > 0; --left) {
      exif[random.Between(0, exif.size() - 1)] = static_cast<char>(random.Bits());
    }
    exif.resize(random.Between(0, exif.size()));
    const int orientation = ReadOrientation(exif);
    ASSERT_TRUE(orientation >= 1 && orientation <= 8) << orientation;
  }
}

TEST(ExifTest, WhatDoesNotFitIsLeftOutDescriptionFirst) {
  const std::vector<ImageText> texts = {{"parameters", std::string(100, 'p')},
                                        {"darkroom", std::string(1000, 'd')}};
  EXPECT_THAT(WriteExif(texts, 2000),
              testing::AllOf(testing::HasSubstr("pppp"), testing::HasSubstr("dddd")));
  EXPECT_THAT(WriteExif(texts, 500),
              testing::AllOf(testing::HasSubstr("pppp"), testing::Not(testing::HasSubstr("dddd"))));
  EXPECT_EQ(WriteExif(texts, 50), "");
}

}  // namespace
}  // namespace darkroom
