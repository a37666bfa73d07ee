#include "server/metrics/metrics.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/server/metrics/samples.h"

namespace darkroom {
namespace {

class MetricsTest : public testing::Test {
 protected:
  Samples Collect() const { return SamplesOf(*metrics_.registry); }

  const ModelInfo model_{.id = "emoji",
                         .hash = std::string(64, 'a'),
                         .device = "cpu",
                         .dtype = "float32",
                         .vae_dtype = "float32",
                         .libtorch = "2.11.0"};
  Metrics metrics_{model_, 256};
};

// Which labels and values there are, the pages say, and are compared with a live server.
TEST_F(MetricsTest, EverythingExistsAtZeroFromTheStart) {
  const std::set<std::string> not_zero = {"darkroom_queue_limit", "darkroom_build_info",
                                          "darkroom_model_info",
                                          "darkroom_config_last_reload_success"};
  for (const auto& [name, value] : Collect()) {
    const std::string family = std::pair<std::string, std::string>(absl::StrSplit(name, ' ')).first;
    EXPECT_EQ(value != 0, not_zero.contains(family)) << name;
  }
}

TEST_F(MetricsTest, TheModelIsNamedWithTheBeginningOfItsHash) {
  EXPECT_EQ(Collect().at("darkroom_model_info device=cpu dtype=float32 hash=aaaaaaaaaaaa "
                         "model=emoji vae_dtype=float32"),
            1);
}

TEST_F(MetricsTest, EveryStageAndFormatIsItsOwn) {
  for (const auto& [stage, name] : {std::pair(Stage::kParse, "parse"),
                                    {Stage::kTextEncode, "text_encode"},
                                    {Stage::kDenoiseStep, "denoise_step"},
                                    {Stage::kVaeDecode, "vae_decode"},
                                    {Stage::kEncode, "encode"},
                                    {Stage::kSend, "send"}}) {
    const Samples before = Collect();
    metrics_.images.OnStage(stage, absl::Milliseconds(5));
    EXPECT_EQ(ChangesSince(before, *metrics_.registry),
              (Samples{{absl::StrCat("darkroom_stage_duration_seconds stage=", name), 1}}));
  }
  for (const auto& [format, name] : {std::pair(v1::IMAGE_FORMAT_PNG, "png"),
                                     {v1::IMAGE_FORMAT_JPEG, "jpeg"},
                                     {v1::IMAGE_FORMAT_WEBP, "webp"},
                                     {v1::IMAGE_FORMAT_RAW_RGB, "raw_rgb"}}) {
    const Samples before = Collect();
    metrics_.images.OnPacked(format, 1000);
    EXPECT_EQ(ChangesSince(before, *metrics_.registry),
              (Samples{{absl::StrCat("darkroom_response_bytes_total format=", name), 1000},
                       {absl::StrCat("darkroom_response_size_bytes format=", name), 1}}));
  }
}

TEST_F(MetricsTest, ImagesAreCountedBySize) {
  const Samples before = Collect();
  metrics_.images.OnImage(768 * 768);
  metrics_.images.OnNanRetry();
  EXPECT_EQ(ChangesSince(before, *metrics_.registry),
            (Samples{{"darkroom_images_total model=emoji size_class=768", 1},
                     {"darkroom_nan_retries_total", 1}}));
}

TEST_F(MetricsTest, AReloadIsBadUntilBothKindsOfFilesAreGoodAgain) {
  const auto is_good = [&] { return Collect().at("darkroom_config_last_reload_success") == 1; };
  metrics_.state.OnTlsReloaded(false);
  EXPECT_FALSE(is_good());
  metrics_.state.OnTokensReloaded(true);
  EXPECT_FALSE(is_good());
  metrics_.state.OnTlsReloaded(true);
  EXPECT_TRUE(is_good());
  metrics_.state.OnTokensReloaded(false);
  EXPECT_FALSE(is_good());
  EXPECT_EQ(Collect().at("darkroom_tls_reload_failures_total"), 1);
  EXPECT_EQ(Collect().at("darkroom_token_reload_failures_total"), 1);
}

TEST_F(MetricsTest, ReadinessCanBeTakenBack) {
  EXPECT_FALSE(metrics_.state.is_ready());
  metrics_.state.SetReady(true);
  EXPECT_TRUE(metrics_.state.is_ready());
  EXPECT_EQ(Collect().at("darkroom_ready"), 1);
  metrics_.state.SetReady(false);
  EXPECT_EQ(Collect().at("darkroom_ready"), 0);
}

}  // namespace
}  // namespace darkroom
