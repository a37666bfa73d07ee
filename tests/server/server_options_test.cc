#include "server/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/server/options_parsing.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ServerOptionsTest, DefaultsAreTheDocumentedOnes) {
  const ServerOptions options = ParseGood({});
  EXPECT_THAT(options.listen, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(options.metrics_listen, "127.0.0.1:9464");
  EXPECT_THAT(options.model, HasSubstr("/share/darkroom/models/emoji"));
  EXPECT_EQ(options.batch.window, absl::Milliseconds(10));
  EXPECT_EQ(options.batch.max_batch_size, 8);
  EXPECT_EQ(options.drain.lame_duck, absl::Seconds(5));
  EXPECT_EQ(options.drain.timeout, absl::Seconds(120));
  EXPECT_EQ(options.health_listen, "");
  EXPECT_THAT(options.devices, ElementsAre("cpu"));
  EXPECT_EQ(options.step_timeout, absl::Minutes(15));
  EXPECT_EQ(options.connections.max_age, absl::Minutes(5));
  EXPECT_EQ(options.connections.max_request_duration, absl::Hours(1));
  EXPECT_EQ(options.connections.max_request_bytes, (8 << 20) + (256 << 10));
  EXPECT_EQ(options.connections.grpc_memory, 512 << 20);
  EXPECT_EQ(options.connections.max_concurrent_calls, 1024);
  EXPECT_EQ(options.tls.cert_file + options.tls.key_file + options.tls.client_ca_file, "");
  EXPECT_EQ(options.auth_token_file, "");
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

TEST(ServerOptionsTest, UnknownFlagsHaveASuggestionWhereOneIsClose) {
  EXPECT_THAT(ParseBad({"--batch-widow", "1s"}).message, HasSubstr("did you mean --batch-window?"));
  EXPECT_THAT(ParseBad({"--batch-widow=1s"}).message, HasSubstr("did you mean --batch-window?"));
  EXPECT_THAT(ParseBad({"--hlep"}).message, HasSubstr("did you mean --help?"));
  EXPECT_THAT(ParseBad({"--no-such-flag"}).message, Not(HasSubstr("did you mean")));
}

TEST(ServerOptionsTest, AFlagOfAListTakesOneValue) {
  EXPECT_THAT(ParseBad({"--listen", "a:1", "b:2"}).message,
              HasSubstr("unexpected argument \"b:2\""));
  EXPECT_THAT(ParseGood({"--device=cpu", "--device", "cpu"}).devices, ElementsAre("cpu", "cpu"));
}

TEST(ServerOptionsTest, GpusComputeInFloat16UnlessToldOtherwise) {
  const ServerOptions options = ParseGood({"--device=cuda", "--device=cuda:1"});
  EXPECT_THAT(options.devices, ElementsAre("cuda", "cuda:1"));
  EXPECT_EQ(options.dtype, Dtype::kFloat16);
  EXPECT_EQ(ParseGood({"--device=cuda", "--dtype=float32"}).dtype, Dtype::kFloat32);
}

TEST(ServerOptionsTest, CpusAndGpusDoNotMix) {
  EXPECT_THAT(ParseBad({"--device=cpu", "--device=cuda"}).message, HasSubstr("--device"));
  EXPECT_EQ(ParseBad({"--device=cuda", "--device=cpu"}).code, 2);
}

TEST(ServerOptionsTest, CertificateAndKeyComeTogether) {
  const ScopedFile file("");
  const std::string cert = "--tls-cert=" + file.path(), key = "--tls-key=" + file.path(),
                    ca = "--tls-client-ca=" + file.path();
  for (const auto& flags : std::vector<std::vector<std::string>>{{cert}, {key}, {cert, ca}, {ca}}) {
    EXPECT_EQ(ParseBad(flags).code, 2);
    EXPECT_THAT(ParseBad(flags).message, HasSubstr("--tls-cert"));
  }
  const TlsOptions tls = ParseGood({cert, key, ca}).tls;
  EXPECT_EQ(tls.cert_file, file.path());
  EXPECT_EQ(tls.key_file, file.path());
  EXPECT_EQ(tls.client_ca_file, file.path());
}

TEST(ServerOptionsTest, ARequestFitsTheMemoryOfAll) {
  const std::string memory = "--grpc-memory-limit=16777216";
  EXPECT_EQ(ParseBad({memory, "--max-request-bytes=16777216"}).code, -1);
  EXPECT_THAT(ParseBad({memory, "--max-request-bytes=16777217"}).message,
              HasSubstr("--max-request-bytes"));
}

TEST(ServerOptionsTest, ACheckEndsWellForAGoodModelAndNamesABadOne) {
  EXPECT_EQ(ParseBad({"--check-config", "--model=models/emoji"}).code, 0);
  EXPECT_EQ(ParseBad({"--check-config", "--model=models/emoji"}).message,
            "configuration is valid\n");
  const EarlyExit bad = ParseBad({"--check-config", "--model=/no/such/folder"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.message, HasSubstr("--model: /no/such/folder"));
  EXPECT_EQ(ParseBad({"--check-config", "--threads=-1"}).code, 2);
  EXPECT_EQ(ParseBad({"--print-config", "--threads=-1"}).code, 2);
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
  EXPECT_EQ(ParseGood({}).batch.limits.images_per_tenant, 256);
  EXPECT_EQ(ParseGood({"--max-queued-pixel-steps", "77"}).batch.limits.pixel_steps, 77);
  EXPECT_EQ(ParseGood({"--max-queued-images-per-tenant", "2"}).batch.limits.images_per_tenant, 2);
}

TEST(ServerOptionsTest, ATenantsShareIsCappedByDefaultOnlyWithTokens) {
  const ScopedFile file("");
  const std::string tokens = "--auth-token-file=" + file.path();
  EXPECT_EQ(ParseGood({tokens}).auth_token_file, file.path());
  EXPECT_EQ(ParseGood({tokens}).batch.limits.images_per_tenant, 192);
  EXPECT_EQ(ParseGood({tokens, "--max-queued-images=18"}).batch.limits.images_per_tenant, 16);
  EXPECT_EQ(ParseGood({tokens, "--max-queued-images=9"}).batch.limits.images_per_tenant, 9);
  for (const auto& flags : {std::vector<std::string>{}, {tokens}}) {
    std::vector<std::string> given = flags;
    given.push_back("--max-queued-images-per-tenant=250");
    EXPECT_EQ(ParseGood(given).batch.limits.images_per_tenant, 250);
  }
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
  static std::string Variable() { return VariableOf(GetParam().flag.substr(2)); }
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
                             {"--health-listen", "h"},
                             {"--max-connection-age", "0s"},
                             {"--max-connection-age", "577h"},
                             {"--max-request-duration", "999ms"},
                             {"--max-request-bytes", "1023"},
                             {"--max-request-bytes", "2147483648"},
                             {"--max-concurrent-calls", "0"},
                             {"--grpc-memory-limit", "16777215"},
                             {"--step-timeout", "never"},
                             {"--tls-cert", "/no/such/file"},
                             {"--tls-key", "/tmp"},
                             {"--tls-client-ca", "/no/such/file"},
                             {"--auth-token-file", "/no/such/file"},
                             {"--model", "a\nb"},
                             {"--model", "\xff"},
                             {"--threads", "010"},
                             {"--threads", "0x1"},
                             {"--max-pixels", "63"},
                             {"--max-images-per-request", "1025"},
                             {"--threads", "-1"},
                             {"--log-format", "xml"},
                             {"--log-level", "loud"},
                             {"--log-prompts", "perhaps"},
                             {"--device", "gpu"},
                             {"--device", "cuda:"},
                             {"--device", "cuda:01"},
                             {"--device", "cuda:64"},
                             {"--device", "cuda:-1"},
                             // Features that are not built.
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
