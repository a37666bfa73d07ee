#include "server/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_replace.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An environment variable for as long as this lives.
class ScopedVariable {
 public:
  ScopedVariable(const std::string& name, const std::string& value) : name_(name) {
    setenv(name_.c_str(), value.c_str(), /*overwrite=*/1);
  }
  ~ScopedVariable() { unsetenv(name_.c_str()); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const std::string name_;
};

std::variant<ServerOptions, EarlyExit> Parse(const std::vector<std::string>& flags) {
  std::vector<const char*> argv = {"darkroom-server"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseServerOptions(static_cast<int>(argv.size()), argv.data());
}

ServerOptions ParseGood(const std::vector<std::string>& flags) {
  auto parsed = Parse(flags);
  if (const auto* exit = std::get_if<EarlyExit>(&parsed)) ADD_FAILURE() << exit->message;
  return std::holds_alternative<ServerOptions>(parsed) ? std::get<ServerOptions>(parsed)
                                                       : ServerOptions();
}

// The exit that the flags lead to; code -1 when they are accepted.
EarlyExit ParseBad(const std::vector<std::string>& flags) {
  auto parsed = Parse(flags);
  const auto* exit = std::get_if<EarlyExit>(&parsed);
  return exit != nullptr ? *exit : EarlyExit{-1, "accepted"};
}

TEST(ServerOptionsTest, DefaultsAreTheDocumentedOnes) {
  const ServerOptions options = ParseGood({});
  EXPECT_THAT(options.listen, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(options.metrics_listen, "127.0.0.1:9464");
  EXPECT_THAT(options.model, HasSubstr("/share/darkroom/models/emoji"));
  EXPECT_EQ(options.batch.window, absl::Milliseconds(10));
  EXPECT_EQ(options.batch.max_batch_size, 8);
  EXPECT_EQ(options.drain.lame_duck, absl::Seconds(5));
  EXPECT_EQ(options.drain.timeout, absl::Seconds(120));
  EXPECT_FALSE(options.log.prompts);
  EXPECT_TRUE(Validate(options.batch).ok());
}

TEST(ServerOptionsTest, AFlagBeatsTheEnvironmentWhichBeatsTheDefault) {
  const ScopedVariable window("DARKROOM_BATCH_WINDOW", "1.5s");
  const ScopedVariable listen("DARKROOM_LISTEN", "0.0.0.0:7");
  const ScopedVariable prompts("DARKROOM_LOG_PROMPTS", "true");
  EXPECT_EQ(ParseGood({}).batch.window, absl::Milliseconds(1500));
  EXPECT_THAT(ParseGood({}).listen, ElementsAre("0.0.0.0:7"));
  EXPECT_TRUE(ParseGood({}).log.prompts);
  EXPECT_EQ(ParseGood({"--batch-window", "0s"}).batch.window, absl::ZeroDuration());
  EXPECT_THAT(ParseGood({"--listen", "a:1", "--listen", "[::1]:2"}).listen,
              ElementsAre("a:1", "[::1]:2"));
  EXPECT_FALSE(ParseGood({"--log-prompts=false"}).log.prompts);
}

TEST(ServerOptionsTest, AnEmptyVariableIsAsGoodAsNone) {
  const ScopedVariable window("DARKROOM_BATCH_WINDOW", "");
  EXPECT_EQ(ParseGood({}).batch.window, absl::Milliseconds(10));
}

TEST(ServerOptionsTest, PrecisionAndGeneratorAreTakenByName) {
  EXPECT_EQ(ParseGood({}).dtype, Dtype::kFloat32);
  EXPECT_EQ(ParseGood({}).vae_dtype, std::nullopt);
  EXPECT_EQ(ParseGood({}).rules.generator_device, GeneratorDevice::kCpu);
  EXPECT_EQ(ParseGood({"--dtype", "float16"}).dtype, Dtype::kFloat16);
  EXPECT_EQ(ParseGood({"--dtype", "float16"}).vae_dtype, std::nullopt);
  EXPECT_EQ(ParseGood({"--vae-dtype", "bfloat16"}).vae_dtype, Dtype::kBfloat16);
  EXPECT_EQ(ParseGood({"--generator-device", "cuda"}).rules.generator_device,
            GeneratorDevice::kCuda);
}

TEST(ServerOptionsTest, QueuedPixelsFollowFromTheImagesUnlessGiven) {
  const std::vector<std::string> flags = {"--max-queued-images", "3", "--max-pixels", "1000"};
  EXPECT_EQ(ParseGood(flags).batch.limits.pixels, 3000);
  EXPECT_EQ(ParseGood({"--max-queued-pixels", "77"}).batch.limits.pixels, 77);
  const ServerOptions largest =
      ParseGood({"--max-queued-images=1000000", "--max-pixels=268435456"});
  EXPECT_EQ(largest.batch.limits.pixels, int64_t{1'000'000} << 28);
}

TEST(ServerOptionsTest, BatchingIsContinuousUnlessStaticIsWanted) {
  EXPECT_EQ(ParseGood({}).batch.mode, BatchingMode::kContinuous);
  EXPECT_EQ(ParseGood({"--batching", "static"}).batch.mode, BatchingMode::kStatic);
  EXPECT_EQ(ParseGood({"--batching", "continuous"}).batch.mode, BatchingMode::kContinuous);
}

TEST(ServerOptionsTest, BitsPadPassesToTheLargestBatch) {
  EXPECT_THAT(ParseGood({}).batch.padded_sizes, IsEmpty());
  EXPECT_THAT(ParseGood({"--determinism", "bits", "--max-batch-size", "5"}).batch.padded_sizes,
              ElementsAre(5));
}

TEST(ServerOptionsTest, QueuedWorkAndATenantsShareFollowFromTheQueueUnlessGiven) {
  const QueueLimits limits =
      ParseGood({"--max-queued-images", "3", "--max-queued-pixels", "7000"}).batch.limits;
  EXPECT_EQ(limits.pixel_steps, 7000 * 50);
  EXPECT_EQ(limits.images_per_tenant, 3);  // A request may ask for as many.
  EXPECT_EQ(ParseGood({}).batch.limits.images_per_tenant, 192);
  EXPECT_EQ(ParseGood({"--max-queued-pixel-steps", "77"}).batch.limits.pixel_steps, 77);
  EXPECT_EQ(ParseGood({"--max-queued-images-per-tenant", "2"}).batch.limits.images_per_tenant, 2);
}

TEST(ServerOptionsTest, HelpAndVersionEndWellAndUnknownFlagsDoNot) {
  EXPECT_EQ(ParseBad({"--help"}).code, 0);
  EXPECT_EQ(ParseBad({"--version"}).code, 0);
  EXPECT_THAT(ParseBad({"--version"}).message, HasSubstr(DARKROOM_VERSION));
  EXPECT_EQ(ParseBad({"--no-such-flag"}).code, 2);
  EXPECT_THAT(ParseBad({"--no-such-flag"}).message, HasSubstr("--no-such-flag"));
  EXPECT_EQ(ParseBad({"stray"}).code, 2);
  EXPECT_EQ(ParseBad({"--batch-window"}).code, 2);
}

struct BadValue {
  std::string flag, value;
};

class BadValueTest : public testing::TestWithParam<BadValue> {
 protected:
  static std::string Variable() {
    std::string name = "DARKROOM_";
    for (const char c : GetParam().flag.substr(2)) name += c == '-' ? '_' : std::toupper(c);
    return name;
  }
};

TEST_P(BadValueTest, OnTheCommandLineExitsTwoNamingItsFlag) {
  const EarlyExit exit = ParseBad({GetParam().flag + "=" + GetParam().value});
  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.message, HasSubstr(GetParam().flag));
}

TEST_P(BadValueTest, InTheEnvironmentExitsTwoNamingItsFlagAndVariable) {
  const ScopedVariable variable(Variable(), GetParam().value);
  const EarlyExit exit = ParseBad({});
  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.message, HasSubstr(GetParam().flag));
  EXPECT_THAT(exit.message, HasSubstr(Variable()));
}

INSTANTIATE_TEST_SUITE_P(Values, BadValueTest,
                         testing::ValuesIn(std::vector<BadValue>{
                             {"--batch-window", "-5s"},
                             {"--batch-window", "10"},
                             {"--lame-duck", "inf"},
                             {"--drain-timeout", "soon"},
                             {"--listen", "localhost"},
                             {"--listen", ":80"},
                             {"--metrics-listen", "h:65536"},
                             {"--max-batch-size", "0"},
                             {"--max-batch-size", "x"},
                             {"--max-queued-images", "0"},
                             {"--max-queued-pixels", "0"},
                             {"--max-queued-pixel-steps", "0"},
                             {"--max-queued-images-per-tenant", "0"},
                             {"--max-pixels", "63"},
                             {"--max-images-per-request", "1025"},
                             {"--threads", "-1"},
                             {"--log-format", "xml"},
                             {"--log-level", "loud"},
                             {"--log-prompts", "perhaps"},
                             // Features that are not built.
                             {"--device", "cuda"},
                             {"--dtype", "float64"},
                             {"--vae-dtype", "half"},
                             {"--generator-device", "mps"},
                             {"--batching", "dynamic"},
                             {"--determinism", "strict"}}),
                         [](const auto& test) {
                           std::string name =
                               test.param.flag.substr(2) + "_" + std::to_string(test.index);
                           return absl::StrReplaceAll(name, {{"-", "_"}});
                         });

}  // namespace
}  // namespace darkroom
