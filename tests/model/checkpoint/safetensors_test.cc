#include "model/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string LittleEndian(uint64_t value) {
  std::string bytes(sizeof(value), '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
  return bytes;
}

std::string FileOf(const std::string& header, const std::string& data) {
  return LittleEndian(header.size()) + header + data;
}

std::string Text(const StoredTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

struct BrokenFile {
  std::string name;
  std::string content;
  std::string rule;
};

// A file whose one tensor "t" is described by `entry`, with four bytes of data.
BrokenFile BrokenTensor(const std::string& name, const std::string& entry,
                        const std::string& rule) {
  return {name, FileOf(absl::StrCat("{\"t\":", entry, "}"), "data"), rule};
}

// Two tensors of U8 in files of eight bytes.
BrokenFile BrokenPair(const std::string& name, const std::string& first, const std::string& second,
                      const std::string& rule) {
  const auto entry = [](const std::string& offsets, int size) {
    return absl::StrCat(R"({"dtype":"U8","shape":[)", size, R"(],"data_offsets":)", offsets, "}");
  };
  return {name,
          FileOf(absl::StrCat("{\"a\":", entry(first, 4), ",\"b\":", entry(second, 4), "}"),
                 "8 bytes."),
          rule};
}

std::vector<BrokenFile> BrokenFiles() {
  return {
      {"Empty", "", "is empty"},
      {"NoHeader", "7 bytes", "too short for a header"},
      {"HeaderAbove100Megabytes", LittleEndian(100'000'001) + "{}", "more than 100 MB"},
      {"HeaderOfAllBits", LittleEndian(~uint64_t{0}) + "{}", "more than 100 MB"},
      {"HeaderBeyondTheFile", LittleEndian(3) + "{}", "more than the file holds"},
      {"HeaderOfNothing", LittleEndian(0) + "{}", "does not begin with {"},
      {"HeaderAfterABlank", FileOf(" {}", ""), "does not begin with {"},
      {"HeaderOfAList", FileOf("[]", ""), "does not begin with {"},
      {"HeaderNotJson", FileOf("{\"t\"", ""), "not valid JSON"},
      {"HeaderNotUtf8", FileOf("{\"\xff\":{}}", ""), "not valid JSON"},
      {"HeaderThatGoesOn", FileOf("{}{}", ""), "not valid JSON"},
      {"KeyTwice", FileOf(R"({"t":{},"t":{}})", ""), "the key \"t\" twice"},
      {"KeyTwiceInsideATensor", FileOf(R"({"t":{"dtype":"U8","dtype":"U8"}})", ""),
       "the key \"dtype\" twice"},
      {"Nested", FileOf("{\"t\":" + std::string(9999, '[') + std::string(9999, ']') + "}", ""),
       "nested too deeply"},
      BrokenTensor("NotAnObject", "7", "exactly dtype, shape and data_offsets"),
      BrokenTensor("NoDtype", R"({"shape":[4],"data_offsets":[0,4]})", "exactly dtype"),
      BrokenTensor("NoShape", R"({"dtype":"U8","data_offsets":[0,4]})", "exactly dtype"),
      BrokenTensor("NoOffsets", R"({"dtype":"U8","shape":[4]})", "exactly dtype"),
      BrokenTensor("UnknownField", R"({"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1})",
                   "exactly dtype"),
      BrokenTensor("DtypeNotAString", R"({"dtype":1,"shape":[4],"data_offsets":[0,4]})",
                   "dtype that is not a string"),
      BrokenTensor("UnknownDtype", R"({"dtype":"F31","shape":[4],"data_offsets":[0,4]})",
                   "unknown dtype"),
      BrokenTensor("ShapeNotAList", R"({"dtype":"U8","shape":4,"data_offsets":[0,4]})",
                   "not an array of sizes"),
      BrokenTensor("NegativeShape", R"({"dtype":"U8","shape":[-4],"data_offsets":[0,4]})",
                   "not an array of sizes"),
      BrokenTensor("ShapeOfFractions", R"({"dtype":"U8","shape":[4.0],"data_offsets":[0,4]})",
                   "not an array of sizes"),
      BrokenTensor("ShapeBeyond63Bits",
                   R"({"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]})",
                   "too large to be true"),
      BrokenTensor("ShapeThatOverflowsToFour",
                   R"({"dtype":"U8","shape":[4611686018427387905,4],"data_offsets":[0,4]})",
                   "too large to be true"),
      BrokenTensor("DtypeThatOverflows",
                   R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,4]})",
                   "too large to be true"),
      BrokenTensor("OneOffset", R"({"dtype":"U8","shape":[4],"data_offsets":[4]})",
                   "not two offsets"),
      BrokenTensor("ThreeOffsets", R"({"dtype":"U8","shape":[4],"data_offsets":[0,4,4]})",
                   "not two offsets"),
      BrokenTensor("NegativeOffset", R"({"dtype":"U8","shape":[4],"data_offsets":[-4,0]})",
                   "not two offsets"),
      BrokenTensor("ReversedOffsets", R"({"dtype":"U8","shape":[4],"data_offsets":[4,0]})",
                   "reversed data_offsets"),
      BrokenTensor("OffsetsThatContradictTheShape",
                   R"({"dtype":"U8","shape":[3],"data_offsets":[0,4]})", "contradict its shape"),
      BrokenTensor("OffsetsThatContradictTheDtype",
                   R"({"dtype":"F32","shape":[4],"data_offsets":[0,4]})", "contradict its shape"),
      BrokenTensor("OffsetsBeyondTheFile", R"({"dtype":"U8","shape":[5],"data_offsets":[0,5]})",
                   "describes 5 bytes, the file holds 4"),
      BrokenTensor("BytesAfterTheLast", R"({"dtype":"U8","shape":[3],"data_offsets":[0,3]})",
                   "describes 3 bytes, the file holds 4"),
      {"BytesOfNobody", FileOf("{}", "data"), "describes 0 bytes, the file holds 4"},
      BrokenTensor("HoleAtTheBegin", R"({"dtype":"U8","shape":[3],"data_offsets":[1,4]})",
                   "leaves a hole before it"),
      BrokenPair("Hole", "[0,4]", "[5,9]", "\"b\" leaves a hole before it"),
      BrokenPair("Overlap", "[0,4]", "[3,7]", "\"b\" overlaps the one before it"),
      BrokenPair("SameBytes", "[0,4]", "[0,4]", "overlaps the one before it"),
  };
}

class BrokenSafetensorsTest : public testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenSafetensorsTest, IsRefusedWithTheFileAndTheRule) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("broken.safetensors", GetParam().content);
  const auto file = SafetensorsFile::Open(path);
  EXPECT_THAT(file, StatusIs(absl::StatusCode::kInvalidArgument,
                             testing::AllOf(HasSubstr(path), HasSubstr(GetParam().rule))));
}

INSTANTIATE_TEST_SUITE_P(Rules, BrokenSafetensorsTest, testing::ValuesIn(BrokenFiles()),
                         [](const auto& test) { return test.param.name; });

TEST(SafetensorsTest, MissingFileIsNotFoundAndAFolderIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(SafetensorsFile::Open(folder.path() / "absent.safetensors"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("absent.safetensors")));
  EXPECT_THAT(SafetensorsFile::Open(folder.path()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not a file")));
}

TEST(SafetensorsTest, MetadataAndPaddingBlanksAreNoTensors) {
  const TemporaryFolder folder;
  const auto file = SafetensorsFile::Open(folder.Write(
      "metadata.safetensors", FileOf(R"({"__metadata__":{"format":"pt","any":"thing"}}   )", "")));
  ASSERT_OK(file);
  EXPECT_THAT(file->tensors(), testing::IsEmpty());
}

TEST(SafetensorsTest, EveryDtypeAndShapeComesBackAsWritten) {
  SeededRandom random;
  const std::map<std::string, size_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const std::vector<std::vector<int64_t>> shapes = {{},        {0},    {1},         {3},
                                                    {2, 0, 5}, {2, 3}, {1, 2, 1, 3}};
  json header;
  std::string data;
  std::map<std::string, std::string> contents;
  for (const auto& [dtype, size] : sizes) {
    for (const auto& shape : shapes) {
      size_t count = 1;
      for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
      const std::string name = absl::StrCat(dtype, " ", contents.size(), " \xC3\xA9\n\"");
      contents[name] = random.Bytes(count * size);
      header[name] = {{"dtype", dtype},
                      {"shape", shape},
                      {"data_offsets", {data.size(), data.size() + count * size}}};
      data += contents[name];
    }
  }
  const TemporaryFolder folder;
  const auto file =
      SafetensorsFile::Open(folder.Write("all.safetensors", FileOf(header.dump(), data)));
  ASSERT_OK(file);
  ASSERT_EQ(file->tensors().size(), contents.size());
  for (const auto& [name, tensor] : file->tensors()) {
    EXPECT_EQ(tensor.dtype, header[name]["dtype"]);
    EXPECT_EQ(json(tensor.shape), header[name]["shape"]);
    EXPECT_EQ(Text(tensor), contents[name]) << name;
  }
}

}  // namespace
}  // namespace darkroom
