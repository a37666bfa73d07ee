#ifndef DARKROOM_TESTS_SERVER_REQUEST_DRAWING_H_
#define DARKROOM_TESTS_SERVER_REQUEST_DRAWING_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <iterator>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/image_generator.h"
#include "server/codec/image_file.h"
#include "server/request_parser.h"
#include "tests/support/seeded_random.h"

namespace darkroom {

// A model and limits unlike the defaults, so that neither is taken for the other.
inline const ModelInfo kSmallModel = {
    .id = "emoji", .device = "cpu", .dtype = "float32", .default_size = {64, 128}};
inline constexpr RequestRules kSmallRules = {
    .max_pixels = 64 * 256, .max_images = 4, .max_steps = 30};

// A file of an image of this size.
inline std::string PngFile(ImageSize size) {
  const RgbImage image{size,
                       std::vector<uint8_t>(static_cast<size_t>(size.height * size.width) * 3)};
  return WriteImageFile(ImageFileFormat::kPng, image, /*quality=*/0, {}).value();
}

// The request of this text, parsed for them.
inline absl::StatusOr<ParsedRequest> Parse(const std::string& text) {
  v1::GenerateImagesRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return ParseRequest(request, kSmallModel, kSmallRules);
}

// Everything in it, so that two can be compared and a difference read. -0 is 0.
inline std::string Spelled(const MicroConditioning& c) {
  return absl::StrCat(c.original_size.height, "x", c.original_size.width, " at ", c.crop_top, ",",
                      c.crop_left, " for ", c.target_size.height, "x", c.target_size.width);
}

inline std::string Spelled(const ImageRequest& image) {
  return absl::StrCat(
      "'", image.prompt, "' '", image.prompt_2, "' '", image.negative_prompt.value_or("(absent)"),
      "' '", image.negative_prompt_2, "' ", image.size.height, "x", image.size.width, " steps ",
      image.steps, " guidance ", absl::StrFormat("%.17g", image.guidance_scale + 0.0), " seed ",
      image.seed, " rescale ", absl::StrFormat("%.17g", image.guidance_rescale + 0.0), " skip ",
      image.clip_skip, " strength ", absl::StrFormat("%.17g", image.strength), " start ",
      absl::StrFormat("%.17g", image.denoising_start.value_or(-1) + 0.0), " end ",
      absl::StrFormat("%.17g", image.denoising_end), " device ",
      static_cast<int>(image.generator_device), " scheduler ", static_cast<int>(image.scheduler),
      " spacing ", image.spacing ? static_cast<int>(*image.spacing) : -1, " told ",
      Spelled(image.conditioning), " not ", Spelled(image.negative_conditioning));
}

// Mostly small numbers, now and then the edges of what the field's type holds.
inline uint64_t DrawNumber(SeededRandom& random) {
  constexpr uint64_t kValues[] = {0,
                                  1,
                                  2,
                                  3,
                                  8,
                                  16,
                                  64,
                                  128,
                                  151,
                                  1 << 24,
                                  (1 << 24) + 1,
                                  0xFFFFFFF8,
                                  0xFFFFFFFF,
                                  std::numeric_limits<uint64_t>::max()};
  return random.Between(0, 1) == 0 ? random.Between(0, 64)
                                   : kValues[random.Between(0, std::size(kValues) - 1)];
}

inline double DrawDouble(SeededRandom& random) {
  constexpr double kValues[] = {-0.0,
                                1,
                                50,
                                50.000001,
                                1e308,
                                -1,
                                5e-324,
                                std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity()};
  return random.Between(0, 1) == 0 ? static_cast<double>(random.Between(0, 5000)) / 97
                                   : kValues[random.Between(0, std::size(kValues) - 1)];
}

// UTF-8 with all that a text layout could trip over.
inline std::string DrawText(SeededRandom& random) {
  static const std::string kPieces[] = {"a",        "B9",           ".",
                                        " ",        "\n",           "\"",
                                        "\\",       ", Seed: 3",    std::string(1, '\0'),
                                        "\xC3\xA9", "\xE2\x80\xA8", "\xF0\x9F\x8D\x8E",
                                        "<",        "\x7F"};
  if (random.Between(0, 15) == 0) return std::string(random.Between(8190, 8194), 'x');
  std::string text;
  for (size_t left = random.Between(0, 8); left > 0; --left) {
    text += kPieces[random.Between(0, std::size(kPieces) - 1)];
  }
  return text;
}

inline void DrawFields(SeededRandom& random, google::protobuf::Message& message,
                       size_t one_in = 12);

// Sets the field, or adds to it.
inline void DrawField(SeededRandom& random, google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor* field) {
  using Field = google::protobuf::FieldDescriptor;
  const auto* set = message.GetReflection();
  const bool many = field->is_repeated();
  switch (field->cpp_type()) {
    case Field::CPPTYPE_BOOL: set->SetBool(&message, field, true); break;
    case Field::CPPTYPE_DOUBLE: set->SetDouble(&message, field, DrawDouble(random)); break;
    case Field::CPPTYPE_STRING:
      set->SetString(&message, field,
                     field->type() == Field::TYPE_BYTES && random.Between(0, 3) > 0
                         ? PngFile({static_cast<int>(random.Between(1, 80)), 24})
                         : DrawText(random));
      break;
    case Field::CPPTYPE_ENUM:
      set->SetEnumValue(&message, field, static_cast<int>(random.Between(0, 11)) - 1);
      break;
    case Field::CPPTYPE_UINT32:
      set->SetUInt32(&message, field, static_cast<uint32_t>(DrawNumber(random)));
      break;
    case Field::CPPTYPE_UINT64:
      if (many) set->AddUInt64(&message, field, DrawNumber(random));
      if (!many) set->SetUInt64(&message, field, DrawNumber(random));
      break;
    case Field::CPPTYPE_MESSAGE: {
      auto* part = many ? set->AddMessage(&message, field) : set->MutableMessage(&message, field);
      DrawFields(random, *part, /*one_in=*/2);
      break;
    }
    default: GTEST_FAIL() << "no rule draws " << field->full_name();
  }
}

// Sets about one field in `one_in`, of whatever kind, to anything that the wire can carry.
inline void DrawFields(SeededRandom& random, google::protobuf::Message& message, size_t one_in) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const auto* field = message.GetDescriptor()->field(i);
    if (random.Between(1, one_in) != 1) continue;
    const size_t times = field->is_repeated() ? random.Between(1, 6) : 1;
    for (size_t k = 0; k < times; ++k) DrawField(random, message, field);
  }
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SERVER_REQUEST_DRAWING_H_
