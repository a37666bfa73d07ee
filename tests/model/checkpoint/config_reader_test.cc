#include "model/checkpoint/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class ConfigReaderTest : public testing::Test {
 protected:
  ConfigReader Read(const std::string& json) {
    return ConfigReader::Open(folder_.Write("config.json", json)).value();
  }

  TemporaryFolder folder_;
};

TEST_F(ConfigReaderTest, WhatIsNoJsonObjectIsRefusedByName) {
  EXPECT_THAT(ConfigReader::Open(folder_.path() / "absent.json"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("absent.json")));
  EXPECT_THAT(ConfigReader::Open(folder_.path()), StatusIs(kInvalid));
  for (const std::string text : {"", " ", "{", "[]", "7", "null", "{} {}", "{\"a\":}", "\xff"}) {
    EXPECT_THAT(ConfigReader::Open(folder_.Write("broken.json", text)),
                StatusIs(kInvalid, HasSubstr("broken.json")))
        << text;
  }
}

TEST_F(ConfigReaderTest, AbsentAndNullTakeTheFallback) {
  for (const char* json : {"{}", R"({"key":null})"}) {
    ConfigReader reader = Read(json);
    EXPECT_FALSE(reader.Has("key"));
    EXPECT_TRUE(reader.Bool("key", true));
    EXPECT_EQ(reader.Size("key", 5), 5);
    EXPECT_EQ(reader.Integer("key", -5), -5);
    EXPECT_EQ(reader.Number("key", 0.5), 0.5);
    EXPECT_EQ(reader.String("key", "five"), "five");
    EXPECT_THAT(reader.Sizes("key", 3, 5), ElementsAre(5, 5, 5));
    EXPECT_THAT(reader.Strings("key"), IsEmpty());
    reader.Expect("key", {"five"});
    EXPECT_OK(reader.Finish());
  }
}

TEST_F(ConfigReaderTest, ValuesOfTheRightKindAreRead) {
  ConfigReader reader = Read(
      R"({"bool":true,"size":1,"integer":-2147483647,"number":3,"fraction":0.5,"string":"s",
          "sizes":[1,2,3],"one_size":7,"size_list":[4,5],"strings":["a",""]})");
  EXPECT_TRUE(reader.Has("bool"));
  EXPECT_TRUE(reader.Bool("bool", false));
  EXPECT_EQ(reader.Size("size", 5), 1);
  EXPECT_EQ(reader.Integer("integer", 5), -2147483647);
  EXPECT_EQ(reader.Number("number", 5), 3);
  EXPECT_EQ(reader.Number("fraction", 5), 0.5);
  EXPECT_EQ(reader.String("string", "five"), "s");
  EXPECT_THAT(reader.Sizes("sizes", 3, 5), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader.Sizes("one_size", 2, 5), ElementsAre(7, 7));
  EXPECT_THAT(reader.SizeList("size_list"), ElementsAre(4, 5));
  EXPECT_THAT(reader.Strings("strings"), ElementsAre("a", ""));
  EXPECT_OK(reader.Finish());
}

struct WrongValue {
  std::string name;
  std::string value;
  void (*read)(ConfigReader& reader);
};

class WrongValueTest : public ConfigReaderTest, public testing::WithParamInterface<WrongValue> {};

TEST_P(WrongValueTest, IsRefusedWithItsFileAndKey) {
  ConfigReader reader = Read(absl::StrCat(R"({"the_key":)", GetParam().value, "}"));
  GetParam().read(reader);
  EXPECT_THAT(reader.Finish(),
              StatusIs(kInvalid, AllOf(HasSubstr("config.json"), HasSubstr("the_key"))));
}

void ReadBool(ConfigReader& reader) { EXPECT_TRUE(reader.Bool("the_key", true)); }
void ReadSize(ConfigReader& reader) { EXPECT_EQ(reader.Size("the_key", 5), 5); }
void ReadInteger(ConfigReader& reader) { EXPECT_EQ(reader.Integer("the_key", 5), 5); }
void ReadNumber(ConfigReader& reader) { EXPECT_EQ(reader.Number("the_key", 0.5), 0.5); }
void ReadString(ConfigReader& reader) { EXPECT_EQ(reader.String("the_key", "five"), "five"); }
void ReadStrings(ConfigReader& reader) { EXPECT_THAT(reader.Strings("the_key"), IsEmpty()); }
void ReadSizeList(ConfigReader& reader) { EXPECT_THAT(reader.SizeList("the_key"), IsEmpty()); }
void ReadSizes(ConfigReader& reader) {
  EXPECT_THAT(reader.Sizes("the_key", 2, 5), ElementsAre(5, 5));
}
void Expect(ConfigReader& reader) { reader.Expect("the_key", {"epsilon", true, 1}); }
void ReadNothing(ConfigReader&) {}

INSTANTIATE_TEST_SUITE_P(
    Kinds, WrongValueTest,
    testing::Values(
        WrongValue{"NumberForBool", "1", ReadBool},
        WrongValue{"StringForBool", "\"true\"", ReadBool}, WrongValue{"ZeroForSize", "0", ReadSize},
        WrongValue{"NegativeSize", "-1", ReadSize}, WrongValue{"FractionForSize", "1.0", ReadSize},
        WrongValue{"Size2To31", "2147483648", ReadSize},
        WrongValue{"SizeOf64Bits", "18446744073709551615", ReadSize},
        WrongValue{"ListForSize", "[1]", ReadSize},
        WrongValue{"Integer2To31", "2147483648", ReadInteger},
        WrongValue{"IntegerMinus2To31", "-2147483648", ReadInteger},
        WrongValue{"IntegerOf64Bits", "18446744073709551615", ReadInteger},
        WrongValue{"IntegerOf65Bits", "36893488147419103233", ReadInteger},
        WrongValue{"StringForInteger", "\"1\"", ReadInteger},
        WrongValue{"StringForNumber", "\"0.1\"", ReadNumber},
        WrongValue{"BoolForNumber", "true", ReadNumber},
        WrongValue{"NumberForString", "1", ReadString}, WrongValue{"TooFewSizes", "[1]", ReadSizes},
        WrongValue{"TooManySizes", "[1,2,3]", ReadSizes},
        WrongValue{"ZeroAmongSizes", "[1,0]", ReadSizes},
        WrongValue{"StringForSizes", "\"1\"", ReadSizes},
        WrongValue{"NullAmongSizes", "[1,null]", ReadSizes},
        WrongValue{"SizesOf64Bits", "[1,18446744073709551615]", ReadSizes},
        WrongValue{"EmptySizeList", "[]", ReadSizeList},
        WrongValue{"NumberForSizeList", "1", ReadSizeList},
        WrongValue{"SeventeenSizes", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", ReadSizeList},
        WrongValue{"NumberAmongStrings", "[\"a\",1]", ReadStrings},
        WrongValue{"StringForStrings", "\"a\"", ReadStrings},
        WrongValue{"UnsupportedString", "\"v_prediction\"", Expect},
        WrongValue{"UnsupportedBool", "false", Expect},
        WrongValue{"UnsupportedList", "[\"epsilon\"]", Expect},
        WrongValue{"KeyThatNobodyReads", "false", ReadNothing}),
    [](const auto& test) { return test.param.name; });

TEST_F(ConfigReaderTest, AbsentSizeListIsAProblem) {
  ConfigReader reader = Read("{}");
  EXPECT_THAT(reader.SizeList("sizes"), IsEmpty());
  EXPECT_THAT(reader.Finish(), StatusIs(kInvalid, HasSubstr("sizes")));
}

TEST_F(ConfigReaderTest, EveryProblemIsToldAtOnce) {
  ConfigReader reader = Read(R"({"bool":1,"size":0,"extra":1,"another":{}})");
  reader.Bool("bool", true);
  reader.Size("size", 1);
  reader.Refuse("the parts do not fit");
  EXPECT_THAT(reader.Finish(),
              StatusIs(kInvalid,
                       AllOf(HasSubstr("bool"), HasSubstr("size"), HasSubstr("do not fit"),
                             HasSubstr("extra is not known"), HasSubstr("another is not known"))));
}

TEST_F(ConfigReaderTest, IgnoredPrivateAndNullKeysAreNoProblem) {
  ConfigReader reader = Read(R"({"_class_name":"X","clip_sample":[1],"unknown_but_null":null})");
  reader.Ignore({"clip_sample", "absent"});
  EXPECT_OK(reader.Finish());
}

TEST_F(ConfigReaderTest, ExpectedValueIsNoProblemButAnAbsentListAllowsNone) {
  ConfigReader reader = Read(R"({"type":"epsilon","flag":false,"pair":["a","b"],"sigma":1})");
  reader.Expect("type", {"sample", "epsilon"});
  reader.Expect("flag", {false});
  reader.Expect("pair", {{"a", "b"}});
  EXPECT_OK(Read(R"({"sigma":null})").Finish());
  reader.Expect("sigma", {});
  EXPECT_THAT(reader.Finish(),
              StatusIs(kInvalid, AllOf(HasSubstr("sigma = 1"), Not(HasSubstr("type")))));
}

TEST_F(ConfigReaderTest, ALongOrDeepValueIsNeitherQuotedWholeNorACrash) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  for (const std::string& value : {"\"" + std::string(100'000, 'x') + "\"", deep}) {
    const auto opened =
        ConfigReader::Open(folder_.Write("config.json", absl::StrCat(R"({"key":)", value, "}")));
    if (!opened.ok()) continue;  // Refusing it as a whole is as good.
    ConfigReader reader = *opened;
    reader.Bool("key", true);
    reader.Expect("key", {"epsilon"});
    EXPECT_LT(reader.Finish().message().size(), 1000);
  }
}

}  // namespace
}  // namespace darkroom
