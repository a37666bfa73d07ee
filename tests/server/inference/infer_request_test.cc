#include "server/inference/infer_request.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/status_details.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr size_t kMaxRows = 4;
constexpr int kDraws = 2'000;
const ModelInfo kModel = {.id = "emoji", .device = "cpu", .dtype = "float32"};

inference::ModelInferRequest Request(const std::string& text) {
  inference::ModelInferRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return request;
}

absl::StatusOr<InferCall> Parse(const std::string& text) {
  return ParseInferRequest(Request(text), kModel, kMaxRows);
}

// A request of two rows, with `more` of the message.
std::string TwoApples(const std::string& more = "") {
  return absl::StrCat(R"pb(
                        model_name: "emoji"
                        inputs {
                          name: "PROMPT"
                          datatype: "BYTES"
                          shape: [ 2, 1 ]
                          contents { bytes_contents: [ "a red apple", "a green apple" ] }
                        })pb",
                      more);
}

// The fields that a caller is told of.
std::vector<std::string> Violated(const absl::StatusOr<InferCall>& call) {
  EXPECT_TRUE(absl::IsInvalidArgument(call.status())) << call.status();
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(ToGrpcStatus(call.status()).error_details()));
  std::vector<std::string> fields;
  for (const auto& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations())
      fields.push_back(violation.field());
  }
  return fields;
}

template <typename Unsigned>
std::string LittleEndian(Unsigned number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(number); ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  return bytes;
}

// A valid request, drawn in any of the forms that the protocol has for it, and what it says.
struct DrawnRequest {
  explicit DrawnRequest(SeededRandom& random);

  inference::ModelInferRequest message;
  std::vector<v1::GenerateImagesRequest> rows;

 private:
  void Add(SeededRandom& random, const std::string& name);
  void AddElement(SeededRandom& random, v1::GenerateImagesRequest& row,
                  inference::ModelInferRequest::InferInputTensor& input, std::string& raw);

  bool is_raw_;
};

DrawnRequest::DrawnRequest(SeededRandom& random)
    : rows(random.Between(1, kMaxRows)), is_raw_(random.Between(0, 1) == 0) {
  message.set_model_name(kModel.id);
  if (random.Between(0, 1) == 0) message.set_model_version("1");
  for (v1::GenerateImagesRequest& row : rows) row.set_model(kModel.id);
  std::vector<std::string> names = {"PROMPT"};
  for (const char* name : {"NEGATIVE_PROMPT", "SEED", "STEPS", "GUIDANCE"}) {
    const auto place = names.begin() + static_cast<ptrdiff_t>(random.Between(0, names.size()));
    if (random.Between(0, 1) == 0) names.insert(place, name);
  }
  for (const std::string& name : names) Add(random, name);
}

void DrawnRequest::Add(SeededRandom& random, const std::string& name) {
  inference::ModelInferRequest::InferInputTensor& input = *message.add_inputs();
  input.set_name(name);
  input.set_datatype(name == "SEED"       ? (random.Between(0, 1) == 0 ? "UINT64" : "INT64")
                     : name == "STEPS"    ? "INT32"
                     : name == "GUIDANCE" ? "FP32"
                                          : "BYTES");
  input.add_shape(static_cast<int64_t>(rows.size()));
  input.add_shape(1);
  std::string raw;
  for (v1::GenerateImagesRequest& row : rows) AddElement(random, row, input, raw);
  if (is_raw_) {
    message.add_raw_input_contents(raw);
    input.clear_contents();
  }
}

void DrawnRequest::AddElement(SeededRandom& random, v1::GenerateImagesRequest& row,
                              inference::ModelInferRequest::InferInputTensor& input,
                              std::string& raw) {
  inference::InferTensorContents& contents = *input.mutable_contents();
  if (input.datatype() == "BYTES") {
    std::string text(random.Between(0, 20), 'p');
    if (random.Between(0, 1) == 0) text += "\xC3\xA9 \xF0\x9F\x8D\x8E";
    if (input.name() == "PROMPT") {
      row.set_prompt(text);
    } else {
      row.set_negative_prompt(text);
    }
    contents.add_bytes_contents(text);
    absl::StrAppend(&raw, LittleEndian(static_cast<uint32_t>(text.size())), text);
  } else if (input.name() == "SEED") {
    const bool is_signed = input.datatype() == "INT64";
    const uint64_t seed = is_signed ? random.Bits() >> 1 : random.Bits();
    row.set_seed(seed);
    if (is_signed) {
      contents.add_int64_contents(static_cast<int64_t>(seed));
    } else {
      contents.add_uint64_contents(seed);
    }
    raw += LittleEndian(seed);
  } else if (input.name() == "STEPS") {
    const uint32_t steps = static_cast<uint32_t>(random.Between(1, INT32_MAX));
    row.set_num_inference_steps(steps);
    contents.add_int_contents(static_cast<int32_t>(steps));
    raw += LittleEndian(steps);
  } else {
    const float guidance = static_cast<float>(random.Between(0, 5000)) / 97;
    row.set_guidance_scale(guidance);
    contents.add_fp32_contents(guidance);
    raw += LittleEndian(std::bit_cast<uint32_t>(guidance));
  }
}

std::string Texts(const std::vector<v1::GenerateImagesRequest>& rows) {
  std::string texts;
  for (const v1::GenerateImagesRequest& row : rows)
    absl::StrAppend(&texts, row.DebugString(), "\n");
  return texts;
}

TEST(InferRequestTest, EveryFormOfARequestGivesTheSameRows) {
  SeededRandom random;
  for (int i = 0; i < kDraws; ++i) {
    const DrawnRequest drawn(random);
    const auto call = ParseInferRequest(drawn.message, kModel, kMaxRows);
    ASSERT_OK(call) << drawn.message.DebugString();
    ASSERT_EQ(Texts(call->rows), Texts(drawn.rows)) << drawn.message.DebugString();
  }
}

TEST(InferRequestTest, AbsentInputsLeaveTheirDefaults) {
  const auto call = Parse(TwoApples());
  ASSERT_OK(call);
  ASSERT_EQ(call->rows.size(), 2);
  EXPECT_EQ(call->rows[1].prompt(), "a green apple");
  EXPECT_FALSE(call->rows[1].has_negative_prompt());
  EXPECT_FALSE(call->rows[1].has_seed());
  EXPECT_FALSE(call->rows[1].has_num_inference_steps());
  EXPECT_FALSE(call->rows[1].has_guidance_scale());
  EXPECT_EQ(call->rows[1].priority(), v1::PRIORITY_UNSPECIFIED);
  EXPECT_EQ(call->timeout, absl::InfiniteDuration());
}

TEST(InferRequestTest, OutputsAreThoseRequestedOrAll) {
  EXPECT_THAT(Parse(TwoApples())->outputs, ElementsAre(InferOutput::kImage, InferOutput::kSeed));
  EXPECT_THAT(Parse(TwoApples(R"pb(outputs { name: "SEED" })pb"))->outputs,
              ElementsAre(InferOutput::kSeed));
  EXPECT_THAT(Parse(TwoApples(R"pb(outputs { name: "SEED" }
                                   outputs { name: "IMAGE" })pb"))
                  ->outputs,
              ElementsAre(InferOutput::kSeed, InferOutput::kImage));
}

TEST(InferRequestTest, AnIdThatCannotBeARequestIdIsNotUsed) {
  const auto id_of_rows = [](const std::string& id) {
    return Parse(TwoApples(absl::StrCat("id: \"", id, "\"")))->rows[1].request_id();
  };
  EXPECT_EQ(id_of_rows("A.b_c-9"), "A.b_c-9");
  EXPECT_EQ(id_of_rows(std::string(64, 'x')), std::string(64, 'x'));
  EXPECT_EQ(id_of_rows(std::string(65, 'x')), "");
  EXPECT_EQ(id_of_rows("a b"), "");
}

// Adds a parameter of this name and value, in text.
std::string Parameter(const std::string& key, const std::string& value) {
  return absl::StrCat("parameters { key: \"", key, "\" value { ", value, " } }");
}

TEST(InferRequestTest, PriorityCountsFromTheHighestAndElseIsTheDefault) {
  const auto priority_of = [](const std::string& value) {
    return Parse(TwoApples(Parameter("priority", value)))->rows[1].priority();
  };
  EXPECT_EQ(priority_of("uint64_param: 0"), v1::PRIORITY_UNSPECIFIED);
  EXPECT_EQ(priority_of("uint64_param: 1"), v1::PRIORITY_HIGH);
  EXPECT_EQ(priority_of("int64_param: 2"), v1::PRIORITY_NORMAL);
  EXPECT_EQ(priority_of("string_param: \"3\""), v1::PRIORITY_LOW);
  EXPECT_EQ(priority_of("uint64_param: 4"), v1::PRIORITY_UNSPECIFIED);
  EXPECT_EQ(priority_of("uint64_param: 18446744073709551615"), v1::PRIORITY_UNSPECIFIED);
}

TEST(InferRequestTest, TimeoutIsInMicrosecondsAndZeroIsNone) {
  const auto timeout_of = [](const std::string& value) {
    return Parse(TwoApples(Parameter("timeout", value)))->timeout;
  };
  EXPECT_EQ(timeout_of("int64_param: 1500000"), absl::Milliseconds(1500));
  EXPECT_EQ(timeout_of("uint64_param: 0"), absl::InfiniteDuration());
  EXPECT_GT(timeout_of("uint64_param: 18446744073709551615"), absl::Hours(24 * 365 * 1000));
}

TEST(InferRequestTest, ParametersOfOtherNamesAreIgnored) {
  EXPECT_OK(Parse(TwoApples(Parameter("triton_enable_empty_final_response", "bool_param: true") +
                            Parameter("sequence_id", "string_param: \"x\""))));
}

TEST(InferRequestTest, ParametersThatAreNoWholeNumbersAreNamed) {
  for (const char* value : {"", "bool_param: true", "double_param: 1", "int64_param: -1",
                            "string_param: \"\"", "string_param: \"-1\"", "string_param: \"1e3\"",
                            "string_param: \"99999999999999999999\""}) {
    EXPECT_THAT(
        Violated(Parse(TwoApples(Parameter("priority", value) + Parameter("timeout", value)))),
        ElementsAre("parameters[priority]", "parameters[timeout]"))
        << value;
  }
}

TEST(InferRequestTest, OtherModelsAndVersionsAreNotFound) {
  for (const char* name : {"", "Emoji", "emoji/1"}) {
    inference::ModelInferRequest request = Request(TwoApples());
    request.set_model_name(name);
    const auto call = ParseInferRequest(request, kModel, kMaxRows);
    EXPECT_THAT(call, StatusIs(absl::StatusCode::kNotFound)) << name;
    EXPECT_EQ(ReasonOf(call.status()), "MODEL_NOT_FOUND");
  }
  for (const char* version : {"2", "01", "latest"}) {
    const auto call = Parse(TwoApples(absl::StrCat("model_version: \"", version, "\"")));
    EXPECT_THAT(call, StatusIs(absl::StatusCode::kNotFound)) << version;
    EXPECT_EQ(ReasonOf(call.status()), "MODEL_NOT_FOUND");
  }
}

TEST(InferRequestTest, ShapesOtherThanColumnsOfOneLengthAreNamed) {
  for (const char* shape : {"", "[ 2 ]", "[ 1, 2 ]", "[ 0, 1 ]", "[ -1, 1 ]", "[ 2, 1, 1 ]",
                            "[ 5, 1 ]", "[ 4611686018427387904, 1 ]", "[ 2, 0 ]"}) {
    EXPECT_THAT(
        Violated(Parse(absl::StrCat(
            "model_name: 'emoji' inputs { name: 'PROMPT' datatype: 'BYTES' shape: [",
            std::string(shape).substr(*shape == '[' ? 1 : 0), *shape == '[' ? "" : "]", " }"))),
        ElementsAre("inputs[0].shape"))
        << shape;
  }
  EXPECT_THAT(Violated(Parse(TwoApples(R"pb(
                inputs {
                  name: "STEPS"
                  datatype: "INT32"
                  shape: [ 3, 1 ]
                  contents { int_contents: [ 1, 2, 3 ] }
                })pb"))),
              ElementsAre("inputs[1].shape"));
}

TEST(InferRequestTest, EveryViolationOfTheEnvelopeIsNamedAtOnce) {
  EXPECT_THAT(Violated(Parse(R"pb(
                model_name: "emoji"
                inputs {
                  name: "prompt"
                  datatype: "BYTES"
                  shape: [ 1, 1 ]
                }
                inputs {
                  name: "SEED"
                  datatype: "INT32"
                  shape: [ 1, 1 ]
                }
                inputs {
                  name: "SEED"
                  datatype: "UINT64"
                  shape: [ 1, 1 ]
                }
                inputs {
                  name: "STEPS"
                  datatype: "INT32"
                  shape: [ 1 ]
                  contents { int_contents: 1 }
                }
                outputs { name: "IMAGE" }
                outputs { name: "image" }
                outputs { name: "IMAGE" }
                raw_input_contents: "")pb")),
              UnorderedElementsAre("inputs", "inputs[0].name", "inputs[1].datatype",
                                   "inputs[2].name", "inputs[3].shape", "inputs[3].contents",
                                   "outputs[1].name", "outputs[2].name", "raw_input_contents"));
  EXPECT_THAT(Violated(Parse("model_name: 'emoji'")), ElementsAre("inputs"));
}

// One more input for TwoApples.
std::string Input(const char* name, const char* datatype, const std::string& contents) {
  return absl::StrCat("inputs { name: '", name, "' datatype: '", datatype,
                      "' shape: [ 2, 1 ] contents { ", contents, " } }");
}

TEST(InferRequestTest, ContentsThatAreNotTheTensorsAreNamed) {
  for (const std::string& input :
       {Input("STEPS", "INT32", ""), Input("STEPS", "INT32", "int_contents: 1"),
        Input("STEPS", "INT32", "int_contents: [ 1, 2, 3 ]"),
        Input("STEPS", "INT32", "int64_contents: [ 1, 2 ]"),
        Input("STEPS", "INT32", "int_contents: [ 1, 2 ] bool_contents: true"),
        Input("STEPS", "INT32", "int_contents: [ 1, 0 ]"),
        Input("STEPS", "INT32", "int_contents: [ -2147483648, 1 ]"),
        Input("SEED", "INT64", "int64_contents: [ 1, -1 ]"),
        Input("SEED", "INT64", "uint64_contents: [ 1, 1 ]"),
        Input("NEGATIVE_PROMPT", "BYTES", R"(bytes_contents: [ "ok", "\xff" ])"),
        Input("NEGATIVE_PROMPT", "BYTES", R"(bytes_contents: [ "\xed\xa0\x80", "ok" ])")}) {
    EXPECT_THAT(Violated(Parse(TwoApples(input))), ElementsAre("inputs[1].contents")) << input;
  }
}

TEST(InferRequestTest, RawContentsThatAreNotTheTensorsAreNamed) {
  const auto violated = [](const std::string& prompts, const std::string& seeds) {
    inference::ModelInferRequest request = Request(R"pb(
      model_name: "emoji"
      inputs {
        name: "PROMPT"
        datatype: "BYTES"
        shape: [ 1, 1 ]
      }
      inputs {
        name: "SEED"
        datatype: "UINT64"
        shape: [ 1, 1 ]
      })pb");
    request.add_raw_input_contents(prompts);
    request.add_raw_input_contents(seeds);
    return Violated(ParseInferRequest(request, kModel, kMaxRows));
  };
  const std::string apple = LittleEndian(5U) + "apple";
  const std::string seed(8, '\7');
  EXPECT_THAT(violated(apple, seed.substr(1)), ElementsAre("raw_input_contents[1]"));
  EXPECT_THAT(violated(apple + apple, seed), ElementsAre("raw_input_contents[0]"));
  EXPECT_THAT(violated("", seed + seed),
              ElementsAre("raw_input_contents[0]", "raw_input_contents[1]"));
  EXPECT_THAT(violated(LittleEndian(6U) + "apple", seed), ElementsAre("raw_input_contents[0]"));
  EXPECT_THAT(violated(LittleEndian(1U) + "\xC3", seed), ElementsAre("raw_input_contents[0]"));
}

// Whatever comes, a call that is accepted keeps what the rest of the server relies on.
TEST(InferRequestTest, DamagedRequestsAreRefusedOrWhole) {
  google::protobuf::LogSilencer no_complaints;  // Of text that is not UTF-8.
  SeededRandom random;
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 10 * kDraws; ++i) {
    inference::ModelInferRequest request = DrawnRequest(random).message;
    for (std::string& raw : *request.mutable_raw_input_contents()) {
      if (raw.empty() || random.Between(0, 2) > 0) continue;
      raw[random.Between(0, raw.size() - 1)] ^= static_cast<char>(1 << random.Between(0, 7));
      raw.resize(random.Between(0, 4) == 0 ? random.Between(0, raw.size() + 4) : raw.size());
    }
    std::string bytes = request.SerializeAsString();
    for (size_t left = random.Between(0, 2); left > 0; --left) {
      bytes[random.Between(0, bytes.size() - 1)] ^= static_cast<char>(1 << random.Between(0, 7));
    }
    if (!request.ParseFromString(bytes)) continue;
    const auto call = ParseInferRequest(request, kModel, kMaxRows);
    if (!call.ok()) {
      ASSERT_THAT(call, testing::AnyOf(StatusIs(absl::StatusCode::kInvalidArgument),
                                       StatusIs(absl::StatusCode::kNotFound)));
      ++refused;
      continue;
    }
    ++accepted;
    ASSERT_GE(call->rows.size(), 1);
    ASSERT_LE(call->rows.size(), kMaxRows);
    ASSERT_FALSE(call->outputs.empty());
    for (const v1::GenerateImagesRequest& row : call->rows) {
      // Protobuf's own parser takes valid UTF-8 alone.
      v1::GenerateImagesRequest again;
      ASSERT_TRUE(again.ParseFromString(row.SerializeAsString()));
      ASSERT_LE(row.prompt().size(), bytes.size());
    }
  }
  EXPECT_GT(accepted, kDraws);
  EXPECT_GT(refused, kDraws);
}

}  // namespace
}  // namespace darkroom
